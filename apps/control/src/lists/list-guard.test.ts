import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { Decision, Outcome, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { EventProducer } from "@tripline/kafka/port";
import { z } from "zod";
import type { TestBed, TestCaller } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";

const WAIT_MS_MAX = 120_000;
const CARDS = 60;
const SCOPE = "policy:read policy:approve lists:read lists:write audit:read";
const BIN = { kind: "bin", value: "411111", reason: "Leaked" };

let bed: TestBed;
let producer: EventProducer;
let tenant: string;
let caller: TestCaller;
beforeAll(async () => {
  bed = await startTestBed();
  await bed.startAnother();
  producer = await bed.kafka.producer();
});
afterAll(async () => {
  await producer?.close();
  await bed?.close();
});
beforeEach(() => {
  tenant = `t-${randomUUID().slice(0, 8)}`;
  caller = bed.as("ann", { tenant, scope: SCOPE });
});

/** Sends payments of a group of cards; this share of them is declined. */
async function decide(declined: number): Promise<void> {
  const records = Array.from({ length: CARDS }, (_, index) => {
    const id = randomUUID();
    const decision: Decision = {
      ...Decision.decode(new Uint8Array()),
      ...{ transactionId: `txn_${id}`, clientTransactionId: id, tenant, cardToken: `ct_${id}` },
      outcome: index < CARDS * declined ? Outcome.DECLINE : Outcome.APPROVE,
      decidedAtMs: Date.now(),
    };
    const value = Decision.encode(decision).finish();
    return { topic: TOPICS.decisions.name, key: decision.cardToken, value, headers: {} };
  });
  await producer.send(records);
}

const put = (entries: object[]) => caller.send("POST", "/v1/lists/deny/entries", { entries });
async function listed(): Promise<string[]> {
  const page = z.object({ entries: z.array(z.looseObject({ kind: z.string() })) });
  return page.parse((await caller.get("/v1/lists/entries")).body).entries.map(({ kind }) => kind);
}

test("regression #24: withdraws an entry that declines too many payments, and a second attempt needs another user", async () => {
  await decide(0.02);
  await decide(0.02);
  await expect(put([{ kind: "terminal", value: "t-1", reason: "Skimmer" }, BIN])).resolves.toMatchObject({
    status: 200,
  });
  const endMs = Date.now() + WAIT_MS_MAX;
  while ((await listed()).includes("bin")) {
    if (Date.now() > endMs) throw new Error(`still listed after ${WAIT_MS_MAX} ms`);
    await decide(0.4);
    await delay(100);
  }
  expect(await listed()).toEqual(["terminal"]);
  await expect(put([BIN])).resolves.toMatchObject({ status: 202, body: { waiting: { kind: "list-entries" } } });
  await expect(put([{ ...BIN, value: "510000" }])).resolves.toMatchObject({ status: 200 });
  for (;;) {
    const { entries } = z
      .object({ entries: z.array(z.looseObject({ action: z.string(), details: z.unknown() })) })
      .parse((await caller.get("/v1/audit?actor=guard")).body);
    if (entries.length > 0) {
      expect(entries[0]).toMatchObject({
        action: "list-entries-withdrawn",
        details: { list: "deny", kind: "bin", why: expect.stringContaining("the outcome decline") },
      });
      break;
    }
    if (Date.now() > endMs) throw new Error("nothing in the audit log");
    await delay(100);
  }
});

test("keeps an entry that has little effect", async () => {
  await decide(0.05);
  await decide(0.05);
  await put([BIN]);
  for (let time = 0; time < 4; time += 1) {
    await decide(0.06);
    await delay(500);
  }
  expect(await listed()).toEqual(["bin"]);
});

test("regression #24: a preview counts the tenant's payments that the entries would match", async () => {
  const ours = {
    tenant,
    acceptedAtMs: Date.now(),
    bin: "41111122",
    cardCountry: "BE",
    networkToken: `nt_${"a".repeat(32)}`,
  };
  const payments = [
    ...[ours, { ...ours, bin: "42000000" }, { ...ours, cardCountry: "FR", networkToken: "" }],
    ...[
      { ...ours, tenant: "another" },
      { ...ours, acceptedAtMs: Date.now() - 90_000_000 },
    ],
    { ...ours, bin: "55000000", cardCountry: "", merchantCountry: "DE", networkToken: "" },
  ];
  const records = payments.map((payment) => {
    const value = Transaction.encode({ ...Transaction.decode(new Uint8Array()), ...payment }).finish();
    return { topic: TOPICS.transactions.name, key: "c", value, headers: {} };
  });
  await producer.send(records);
  const preview = async (...entries: object[]) => {
    const { status, body } = await caller.send("POST", "/v1/lists/preview", { entries });
    const { matched, payments: of } = z.looseObject({ matched: z.int(), payments: z.int() }).parse(body);
    return [status, matched, of];
  };
  const bin = { kind: "bin", value: BIN.value };
  expect(await preview(bin)).toEqual([200, 2, 4]);
  expect(await preview({ kind: "country", value: "BE" })).toEqual([200, 2, 4]);
  expect(await preview({ kind: "country", value: "DE" }, { kind: "bin", value: "42000000" })).toEqual([200, 2, 4]);
  expect(await preview({ kind: "ip_range", value: `nt_${"a".repeat(32)}` })).toEqual([200, 2, 4]);
  const card = { kind: "card", value: `ct_${"a".repeat(32)}` };
  await expect(caller.send("POST", "/v1/lists/preview", { entries: [card] })).resolves.toMatchObject({ status: 422 });
  const viewer = bed.as("vic", { tenant, scope: "lists:read" });
  await expect(viewer.send("POST", "/v1/lists/preview", { entries: [bin] })).resolves.toMatchObject({ status: 403 });
});
