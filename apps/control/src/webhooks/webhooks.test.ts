import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { encodeMessage } from "@tripline/contracts/encode-message";
import { CaseEvent, CaseEventKind, Decision, Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { CASE_EVENTS_TOPIC, TOPICS } from "@tripline/contracts/topics";
import type { EventProducer } from "@tripline/kafka/port";
import { Webhook } from "standardwebhooks";
import { z } from "zod";
import type { TestBed, TestCaller } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";
import type { TestReceiver } from "../testing/test-receiver.js";
import { startReceiver } from "../testing/test-receiver.js";

const SCOPES = "webhooks:read webhooks:write lists:read lists:write audit:read";
const ENDPOINTS = "/v1/webhooks/endpoints";
const CARD = `ct_${"c".repeat(32)}`;
const POLL_MS = 50;
/**
 * Number of cases, each with five events. To test 10,000 events:
 * `WEBHOOK_CASES=2000 npm test -- apps/control/src/webhooks/webhooks.test.ts`
 */
const CASES_DEFAULT = 40;
const CASES = Number(process.env.WEBHOOK_CASES ?? CASES_DEFAULT);
const REVISIONS = [1, 2, 3, 4, 5];
/** A time limit that deliveries would exceed if killed receivers delayed them by minutes. */
const LONG_MS_MAX = CASES > CASES_DEFAULT ? 600_000 : 60_000;

const created = z.object({ endpoint: z.looseObject({ id: z.string() }), secret: z.string() });
const delivery = z.looseObject({
  event_id: z.string(),
  event_type: z.string(),
  state: z.string(),
  attempts: z.number(),
});
const log = z.object({ deliveries: z.array(delivery), next: z.number().nullable() });

let bed: TestBed;
let producer: EventProducer;
const receivers: TestReceiver[] = [];

beforeAll(async () => {
  bed = await startTestBed({
    PERSONAL_MASTER_KEY: randomBytes(32).toString("base64"),
    WEBHOOK_ALLOWED_NETWORKS: "127.0.0.0/8",
  });
  producer = await bed.kafka.producer({ lingerMs: 0 });
});
afterAll(async () => {
  await producer?.close();
  await bed?.close();
  for (const receiver of receivers) await receiver.kill().catch(() => undefined);
});

/** Each test has its own tenant. */
const callerOf = (tenant: string): TestCaller => bed.as("lea", { tenant, scope: SCOPES });

async function receive(): Promise<TestReceiver> {
  const receiver = await startReceiver();
  receivers.push(receiver);
  return receiver;
}

async function register(caller: TestCaller, url: string, eventTypes: readonly string[]) {
  const answer = await caller.send("POST", ENDPOINTS, { url, event_types: eventTypes });
  expect(answer.status).toBe(201);
  const { endpoint, secret } = created.parse(answer.body);
  return { id: endpoint.id, secret, path: `${ENDPOINTS}/${endpoint.id}` };
}

async function deliveries(caller: TestCaller, query = "") {
  return log.parse((await caller.get(`/v1/webhooks/deliveries?${query}`)).body);
}

/** Repeats a search until it returns this result or the test times out. */
async function until<T>(read: () => Promise<T>, isSo: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read();
    if (isSo(value)) return value;
    await delay(POLL_MS);
  }
}

function decide(tenant: string, changes: Partial<Decision> = {}): Promise<void> {
  const decision = {
    ...Decision.decode(new Uint8Array()),
    ...{
      tenant,
      transactionId: `txn_${randomUUID()}`,
      cardToken: CARD,
      outcome: Outcome.DECLINE,
      decidedAtMs: Date.now(),
    },
    ...changes,
  };
  const { name: topic, schema } = TOPICS.decisions;
  const headers = { [HEADERS.schema]: schema, [HEADERS.tenant]: tenant };
  return producer.send([{ topic, key: CARD, value: encodeMessage(Decision, decision), headers }]);
}

function changeCases(tenant: string, changes: readonly { caseId: string; revision: number }[]): Promise<void> {
  const { name: topic, schema } = CASE_EVENTS_TOPIC;
  return producer.send(
    changes.map(({ caseId, revision }) => {
      const event = {
        ...CaseEvent.decode(new Uint8Array()),
        ...{ eventId: `${caseId}/${revision}`, tenant, caseId, revision, atMs: Date.now() },
        kind: revision === 1 ? CaseEventKind.OPENED : CaseEventKind.ASSIGNED,
      };
      const headers = { [HEADERS.schema]: schema, [HEADERS.tenant]: tenant };
      return { topic, key: caseId, value: encodeMessage(CaseEvent, event), headers };
    }),
  );
}

test("sends a test event that a standard verifier accepts, before and after the secret is rotated", async () => {
  const [caller, receiver] = [callerOf("rotating"), await receive()];
  const { path, secret } = await register(caller, receiver.url, ["decision.decline"]);
  const { body } = await caller.send("POST", `${path}/test`);
  const [first] = await receiver.received(1);
  expect(body).toEqual({ event_id: first?.id });
  expect(first?.type).toBe("webhook.test");
  expect(new Webhook(secret).verify(first?.body ?? "", first?.headers ?? {})).toBeDefined();
  const rotated = await caller.send("POST", `${path}/secret`, { overlap_hours: 1 });
  const fresh = z.object({ secret: z.string() }).parse(rotated.body).secret;
  await caller.send("POST", `${path}/test`);
  const [, second] = await receiver.received(2);
  for (const one of [secret, fresh]) {
    expect(new Webhook(one).verify(second?.body ?? "", second?.headers ?? {})).toBeDefined();
  }
  await caller.send("POST", `${path}/secret`, { overlap_hours: 0 });
  await caller.send("POST", `${path}/test`);
  const [, , third] = await receiver.received(3);
  for (const one of [secret, fresh]) {
    expect(() => new Webhook(one).verify(third?.body ?? "", third?.headers ?? {})).toThrow();
  }
});

test("sends each event once, only to those endpoints of its own tenant that subscribe to its type", async () => {
  const [caller, other] = [callerOf("events"), callerOf("neighbour")];
  const [receiver, elsewhere] = [await receive(), await receive()];
  await register(caller, receiver.url, ["decision.decline", "list.changed"]);
  await register(other, elsewhere.url, ["decision.decline", "decision.approve"]);
  const declined = { transactionId: `txn_${randomUUID()}`, clientTransactionId: "order-1" };
  await decide("events", declined);
  await decide("events", declined);
  await decide("events", { outcome: Outcome.APPROVE });
  // This decision is older than the endpoint.
  await decide("events", { decidedAtMs: Date.now() - 3_600_000 });
  await caller.send("POST", "/v1/lists/deny/entries", { entries: [{ kind: "card", value: CARD, reason: "Stolen" }] });
  await decide("neighbour", { outcome: Outcome.APPROVE });
  await elsewhere.received(1);
  const messages = await receiver.received(2);
  const { deliveries: found } = await until(
    () => deliveries(caller),
    ({ deliveries: all }) => all.every(({ state }) => state === "delivered"),
  );
  expect(found.map(({ event_type }) => event_type).sort()).toEqual(["decision.decline", "list.changed"]);
  expect(messages).toHaveLength(2);
  expect(elsewhere.messages.map(({ type }) => type)).toEqual(["decision.approve"]);
  expect(messages.find(({ type }) => type === "decision.decline")).toMatchObject({
    version: 1,
    data: { id: declined.transactionId, transaction_id: "order-1", outcome: "decline" },
  });
  for (const { body } of messages) expect(body).not.toContain(CARD);
});

test("another tenant can see neither the endpoint nor its log", async () => {
  const [caller, stranger, receiver] = [callerOf("owner"), callerOf("stranger"), await receive()];
  const { id, path } = await register(caller, receiver.url, ["case.opened"]);
  await caller.send("POST", `${path}/test`);
  await receiver.received(1);
  const settings = { url: receiver.url, event_types: ["case.opened"] };
  const range = { from: "2026-01-01T00:00:00Z", to: "2036-01-01T00:00:00Z" };
  for (const [method, at, body] of [
    ["PUT", path, settings],
    ["DELETE", path, undefined],
    ["POST", `${path}/secret`, {}],
    ["POST", `${path}/test`, undefined],
    ["POST", `${path}/replay`, range],
  ] as const) {
    expect([method, at, (await stranger.send(method, at, body)).status]).toEqual([method, at, 404]);
  }
  expect((await stranger.get(path)).status).toBe(404);
  expect((await stranger.get(ENDPOINTS)).body).toEqual({ endpoints: [] });
  expect((await deliveries(stranger, `endpoint=${id}`)).deliveries).toEqual([]);
  const reader = bed.as("vic", { tenant: "owner", scope: "webhooks:read" });
  expect((await reader.send("DELETE", path)).status).toBe(403);
  expect((await reader.get(path)).status).toBe(200);
});

test.each([
  ["an unknown event type", { url: "https://example.com/", event_types: ["decision"] }, "invalid-field"],
  ["no event type", { url: "https://example.com/", event_types: [] }, "invalid-field"],
  ["metadata", { url: "https://169.254.169.254/", event_types: ["case.opened"] }, "webhook-url-refused"],
  ["a private address", { url: "https://10.0.0.1/", event_types: ["case.opened"] }, "webhook-url-refused"],
])("refuses to register %s", async (_what, body, code) => {
  await expect(callerOf("refused").send("POST", ENDPOINTS, body)).resolves.toMatchObject({
    status: 422,
    body: { code },
  });
});

test("a tenant has at most ten endpoints", async () => {
  const [caller, receiver] = [callerOf("many"), await receive()];
  const settings = { url: receiver.url, event_types: ["case.opened"] };
  const answers = await Promise.all(Array.from({ length: 12 }, () => caller.send("POST", ENDPOINTS, settings)));
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(10);
  expect(answers.filter(({ status }) => status === 422)).toHaveLength(2);
});

test("pauses an endpoint that answers 410, and sends again after a user resumes it", async () => {
  const [caller, receiver] = [callerOf("gone"), await receive()];
  receiver.answer((response) => response.writeHead(410).end());
  const { path } = await register(caller, receiver.url, ["case.opened"]);
  await caller.send("POST", `${path}/test`);
  const paused = await until(
    () => caller.get(path),
    ({ body }) => z.looseObject({ paused_because: z.string().nullable() }).parse(body).paused_because !== null,
  );
  expect(paused.body).toMatchObject({ paused_because: "gone", failures: 1 });
  await until(
    () => caller.get("/v1/audit?action=webhook-endpoint-paused"),
    ({ body }) => JSON.stringify(body).includes('"because":"gone"'),
  );
  receiver.answer((response) => response.writeHead(204).end());
  const settings = { url: receiver.url, event_types: ["case.opened"], is_paused: false };
  await expect(caller.send("PUT", path, settings)).resolves.toMatchObject({
    body: { paused_because: null, failures: 0 },
  });
  await receiver.received(2);
});

test("treats a redirect to a metadata service as a failure, and does not follow it", async () => {
  const [caller, receiver] = [callerOf("redirected"), await receive()];
  receiver.answer((response) => response.writeHead(302, { location: "http://169.254.169.254/" }).end());
  const { path } = await register(caller, receiver.url, ["case.opened"]);
  await caller.send("POST", `${path}/test`);
  const { deliveries: found } = await until(
    () => deliveries(caller),
    ({ deliveries: all }) => all.some(({ last_status }) => last_status !== null),
  );
  expect(found).toMatchObject([{ state: "pending", attempts: 1, last_status: 302, last_error: null }]);
});

test("replays events by ID and by time, with the same IDs", async () => {
  const [caller, receiver] = [callerOf("replayed"), await receive()];
  const { path, id } = await register(caller, receiver.url, ["case.opened", "case.assigned"]);
  const from = new Date(Date.now() - 1_000).toISOString();
  const caseId = randomUUID();
  await changeCases(
    "replayed",
    [1, 2, 3].map((revision) => ({ caseId, revision })),
  );
  const [first] = await receiver.received(3);
  await until(
    () => deliveries(caller, `endpoint=${id}&state=delivered&limit=2`),
    ({ deliveries: all, next }) => all.length === 2 && next !== null,
  );
  await until(
    () => deliveries(caller, "state=pending"),
    ({ deliveries: all }) => all.length === 0,
  );
  const byId = await caller.send("POST", `${path}/replay`, { event_id: first?.id });
  expect(byId).toEqual({ status: 202, body: { replayed: 1, next: null } });
  await receiver.received(4);
  await until(
    () => deliveries(caller, "state=pending"),
    ({ deliveries: all }) => all.length === 0,
  );
  const to = new Date(Date.now() + 1_000).toISOString();
  const byTime = await caller.send("POST", `${path}/replay`, { from, to });
  expect(byTime.body).toEqual({ replayed: 3, next: null });
  const ids = (await receiver.received(7)).map((message) => message.id);
  expect(ids[3]).toBe(ids[0]);
  expect(ids.slice(4)).toEqual(ids.slice(0, 3));
  await expect(caller.send("POST", `${path}/replay`, { from })).resolves.toMatchObject({ status: 422 });
});

test(
  "a receiver that is killed three times gets every event at least once, in order for each case",
  async () => {
    const [caller, receiver] = [callerOf("killed"), await receive()];
    const another = await bed.startAnother();
    receiver.answer((response) => setTimeout(() => response.writeHead(204).end(), 5));
    await register(caller, receiver.url, ["case.opened", "case.assigned"]);
    const cases = Array.from({ length: CASES }, () => randomUUID());
    const changes = REVISIONS.flatMap((revision) => cases.map((caseId) => ({ caseId, revision })));
    const startedMs = performance.now();
    await changeCases("killed", changes);
    for (const share of [0.1, 0.3, 0.5]) {
      await receiver.received(changes.length * share);
      await receiver.kill();
      await delay(100);
      await receiver.revive();
    }
    await until(
      async () => new Set(receiver.messages.map(({ id }) => id)).size,
      (count) => count === changes.length,
    );
    const perSecond = Math.round((changes.length / (performance.now() - startedMs)) * 1_000);
    if (CASES > CASES_DEFAULT) process.stdout.write(`webhooks: ${changes.length} events, ${perSecond} per second\n`);
    await until(
      () => deliveries(caller, "state=pending&limit=1"),
      ({ deliveries: all }) => all.length === 0,
    );
    const byCase = Map.groupBy(receiver.messages, ({ data }) => String(data.case_id));
    expect(byCase.size).toBe(cases.length);
    for (const messages of byCase.values()) {
      const revisions = messages.map(({ data }) => Number(data.revision));
      // An event whose response was lost arrives again, but never after a later event.
      expect(revisions).toEqual(revisions.toSorted((left, right) => left - right));
      expect(new Set(revisions)).toEqual(new Set(REVISIONS));
    }
    await another.close();
  },
  LONG_MS_MAX,
);
