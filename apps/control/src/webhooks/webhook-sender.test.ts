import { setTimeout as delay } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Resolve } from "@tripline/http/egress/check-target";
import { createLogger } from "@tripline/telemetry/logger";
import type { TestReceiver } from "../testing/test-receiver.js";
import { startReceiver } from "../testing/test-receiver.js";
import type { Attempted, DueEndpoint, EndpointFindings } from "./outbox.js";
import { WebhookSender } from "./webhook-sender.js";

const CONFIG = { WEBHOOK_ALLOWED_NETWORKS: ["127.0.0.0/8"], WEBHOOK_RATE_TENANT: 0 };
const BODY = JSON.stringify({ type: "webhook.test", version: 1, timestamp: "2026-11-30T00:00:00Z", data: {} });

let receiver: TestReceiver;
beforeAll(async () => {
  receiver = await startReceiver();
});
afterAll(() => receiver.kill());

/** An in-memory outbox that records what the sender claims and settles. */
function outboxOf(endpoints: readonly DueEndpoint[], waiting: Map<string, string[]>) {
  const settled: { id: string; attempted: readonly Attempted[]; findings: EndpointFindings }[] = [];
  const claims: number[] = [];
  return {
    settled,
    claims,
    due: async () => endpoints.filter(({ id }) => (waiting.get(id) ?? []).length > 0),
    async claim({ id }: Pick<DueEndpoint, "id">, max: number) {
      claims.push(max);
      const taken = (waiting.get(id) ?? []).splice(0, max);
      return taken.map((event) => ({ event_id: event, payload: BODY, attempts: 1, waiting_since: new Date() }));
    },
    async settle({ id }: { readonly id: string }, attempted: readonly Attempted[], findings: EndpointFindings) {
      settled.push({ id, attempted, findings });
      return undefined;
    },
  };
}

const endpoint = (id: string, url: string, failures = 0): DueEndpoint => ({ id, tenant: "acme", url, failures });
const secrets = { of: async () => [Buffer.alloc(32, 1)] };
const ids = (count: number, prefix = "e") => Array.from({ length: count }, (_, index) => `${prefix}${index}`);

async function run(
  outbox: ReturnType<typeof outboxOf>,
  until: () => boolean,
  { resolve = async () => [], of = secrets.of }: { resolve?: Resolve; of?: (id: string) => Promise<Buffer[]> } = {},
): Promise<WebhookSender> {
  const sender = new WebhookSender(outbox, { of }, resolve, CONFIG, createLogger("control", "silent"));
  sender.onApplicationBootstrap();
  while (!until()) await delay(10);
  return sender;
}

test("sends every delivery of an endpoint once, and reports the results", async () => {
  const outbox = outboxOf([endpoint("a", receiver.url)], new Map([["a", ids(100)]]));
  const before = receiver.messages.length;
  const sender = await run(outbox, () => outbox.settled.flatMap(({ attempted }) => attempted).length === 100);
  await sender.onApplicationShutdown();
  const sent = receiver.messages.slice(before).map(({ id }) => id);
  expect(sent.toSorted()).toEqual(ids(100).toSorted());
  for (const { attempted, findings } of outbox.settled) {
    expect(findings).toEqual({ failures: 0, restMs: 0, isGone: false });
    for (const one of attempted) expect(one).toMatchObject({ isDelivered: true, status: 204 });
  }
});

test("an endpoint that keeps failing gets one request at a time, and pauses in between", async () => {
  receiver.answer((response) => response.writeHead(500).end());
  const outbox = outboxOf([endpoint("a", receiver.url, 5)], new Map([["a", ids(3)]]));
  const sender = await run(outbox, () => outbox.settled.length > 0);
  await sender.onApplicationShutdown();
  expect(outbox.claims[0]).toBe(1);
  expect(outbox.settled[0]).toMatchObject({ findings: { failures: 6, restMs: 2_000 }, attempted: [{ status: 500 }] });
  receiver.answer((response) => response.writeHead(204).end());
});

test("regression #30: after one failed batch, as during a restart, an endpoint pauses for a second, not for a minute", async () => {
  receiver.answer((response) => response.writeHead(503).end());
  const outbox = outboxOf([endpoint("a", receiver.url)], new Map([["a", ids(32)]]));
  const sender = await run(outbox, () => outbox.settled.length > 0);
  await sender.onApplicationShutdown();
  expect(outbox.settled[0]?.attempted).toHaveLength(32);
  expect(outbox.settled[0]?.findings).toEqual({ failures: 5, restMs: 1_000, isGone: false });
  receiver.answer((response) => response.writeHead(204).end());
});

test("sends no request to a host whose address became private after the registration", async () => {
  const before = receiver.messages.length;
  const url = `http://rebinding.invalid:${new URL(receiver.url).port}/`;
  const outbox = outboxOf([endpoint("a", url)], new Map([["a", ids(2)]]));
  const sender = await run(outbox, () => outbox.settled.length > 0, { resolve: async () => ["169.254.169.254"] });
  await sender.onApplicationShutdown();
  expect(receiver.messages).toHaveLength(before);
  expect(outbox.settled[0]?.attempted).toMatchObject([
    { isDelivered: false, status: undefined, error: "webhook-url-refused" },
    { isDelivered: false },
  ]);
});

test("unresponsive endpoints do not delay other endpoints", async () => {
  receiver.answer((response, { id }) => {
    if (!id.startsWith("hang")) response.writeHead(204).end();
  });
  // One tenant has failing endpoints, and more slow endpoints than a tenant has lanes.
  const failing = ids(20, "failing").map((id) => endpoint(id, receiver.url, 5));
  const slow = ids(20, "slow").map((id) => ({ ...endpoint(id, receiver.url), tenant: "slow" }));
  const hanging = [...failing, ...slow];
  const waiting = new Map(hanging.map(({ id }) => [id, [`hang-${id}`]]));
  for (const id of ["fine", "other"]) waiting.set(id, ids(40));
  const fine = [endpoint("fine", receiver.url), { ...endpoint("other", receiver.url), tenant: "other" }];
  const outbox = outboxOf([...hanging, ...fine], waiting);
  const isServed = (of: string): boolean => outbox.settled.some(({ id }) => id === of);
  const sender = await run(outbox, () => isServed("fine") && isServed("other"));
  // Two of a tenant's eight lanes are for failing endpoints.
  expect(hanging.filter(({ id }) => waiting.get(id)?.length === 0)).toHaveLength(2 + 8);
  const ended = sender.onApplicationShutdown();
  // Ends the requests that the receiver has not answered.
  await receiver.kill();
  await receiver.revive();
  await ended;
  receiver.answer((response) => response.writeHead(204).end());
});

test("regression #30: reports faults for each endpoint, and a working endpoint does not hide them", async () => {
  const three = ["a", "b", "fine"].map((id) => endpoint(id, receiver.url));
  const outbox = outboxOf(three, new Map(three.map(({ id }) => [id, ids(1)])));
  const of = async (id: string): Promise<Buffer[]> => {
    if (id === "fine") return secrets.of();
    throw new TriplineError("master-key-unavailable", "The key service is down.");
  };
  const sender = await run(outbox, () => outbox.settled.length > 0, { of });
  // The endpoint's turn has ended.
  await sender.look();
  expect(outbox.settled).toMatchObject([{ id: "fine" }]);
  expect(sender.note).toBe("webhooks are not being sent to 2 endpoints: master-key-unavailable");
  await sender.onApplicationShutdown();
});

test("claims nothing without a secret, and the readiness report says so", async () => {
  const outbox = outboxOf([endpoint("a", receiver.url)], new Map([["a", ids(1)]]));
  const of = async (): Promise<Buffer[]> => {
    throw new TriplineError("master-key-unavailable", "The key service is down.");
  };
  const sender = await run(outbox, () => true, { of });
  while (sender.note === undefined) await delay(10);
  expect(sender.note).toBe("webhooks are not being sent to an endpoint: master-key-unavailable");
  expect(outbox.claims).toEqual([]);
  await sender.onApplicationShutdown();
});
