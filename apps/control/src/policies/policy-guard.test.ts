import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { Decision, Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { EventProducer } from "@tripline/kafka/port";
import type { TestBed, TestCaller } from "../testing/test-bed.js";
import { OPERATOR_TENANT, startTestBed } from "../testing/test-bed.js";

const GUARD = "guard: { watch_seconds: 600, cards_min: 20, outcome_points_max: 0.1 }";
const WAIT_MS_MAX = 120_000;
/** Number of cards in a group. */
const CARDS = 60;

/** @param limit different for each policy, so that their texts differ */
const textOf = (limit: number, more = GUARD) => `version: "${limit}"
rules:
  - { id: large, when: amount > ${limit}, reason: LARGE, action: decline, text: "Large." }
default_decision:
  default: { action: review, reason: NO_FACTS, text: "Nothing is known." }
${more}
`;

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
  await producer.close();
  await bed.close();
});
beforeEach(() => {
  tenant = `t-${randomUUID().slice(0, 8)}`;
  caller = bed.as("ann", { tenant });
});

interface Made {
  readonly revision: number;
  readonly version: string;
}

async function push(text: string): Promise<Made> {
  return (await caller.send("POST", "/v1/policy/revisions", { text, note: "" })).body as Made;
}

async function activate({ revision }: Made, more: object = {}): Promise<void> {
  const { newest_activation: after } = await status();
  const { status: code } = await caller.send("POST", "/v1/policy/activations", { revision, after, note: "", ...more });
  expect(code).toBe(201);
}

interface Status {
  readonly newest_activation: number;
  readonly in_force: { readonly revision: number | null; readonly author: string; readonly note: string } | null;
}
const status = async () => (await caller.get("/v1/policy")).body as Status;

/** Sends payments of a group of cards; this share of them is declined. */
async function decide({ version, revision }: Made, declined: number, of = tenant): Promise<void> {
  const records = Array.from({ length: CARDS }, (_, index) => {
    const id = randomUUID();
    const decision: Decision = {
      ...Decision.decode(new Uint8Array()),
      transactionId: `txn_${id}`,
      clientTransactionId: id,
      tenant: of,
      cardToken: `ct_${id}`,
      outcome: index < CARDS * declined ? Outcome.DECLINE : Outcome.APPROVE,
      decidedAtMs: Date.now(),
      policyVersion: version,
      policyRevision: revision,
    };
    const value = Decision.encode(decision).finish();
    return { topic: TOPICS.decisions.name, key: decision.cardToken, value, headers: {} };
  });
  await producer.send(records);
}

/** Sends live traffic under a revision until another one is active. */
async function playUntilReplaced(made: Made, declined: number): Promise<Status> {
  const endMs = Date.now() + WAIT_MS_MAX;
  for (;;) {
    await decide(made, declined);
    // A response is not a consistent snapshot, so the status is read again.
    if ((await status()).in_force?.revision !== made.revision) return status();
    if (Date.now() > endMs) throw new Error(`still in force after ${WAIT_MS_MAX} ms`);
    await delay(100);
  }
}

/** The newest entry by an actor; entries arrive shortly after their action. */
async function auditEntryOf(actor: string): Promise<unknown> {
  const endMs = Date.now() + WAIT_MS_MAX;
  for (;;) {
    const { entries } = (await caller.get(`/v1/audit?actor=${actor}`)).body as { entries: readonly unknown[] };
    if (entries.length > 0) return entries[0];
    if (Date.now() > endMs) throw new Error(`nothing by ${actor} in the audit log after ${WAIT_MS_MAX} ms`);
    await delay(100);
  }
}

/** Longer than two checks. */
async function expectToStay(made: Made, declined: number): Promise<void> {
  for (let time = 0; time < 4; time += 1) {
    await decide(made, declined);
    await delay(500);
  }
  expect((await status()).in_force?.revision).toBe(made.revision);
}

test("rolls back a draft that declines a third of the payments, records the reason, and compares the next draft again", async () => {
  const good = await push(textOf(900));
  await activate(good);
  await decide(good, 0.05);
  await decide(good, 0.05);
  // This draft has no guard, so the guard of the previous policy applies.
  const bad = await push(textOf(10, ""));
  await activate(bad);
  const over = await playUntilReplaced(bad, 0.35);
  expect(over).toMatchObject({ newest_activation: 3, in_force: { revision: good.revision, author: "guard" } });
  // Partitions are read one after the other, so some cards may still be missing.
  const why = /^outcomes: the outcome decline: \d+\.\d % for \d+ cards since then, \d+\.\d % for \d+ before$/;
  expect(over.in_force?.note).toMatch(why);
  expect(await auditEntryOf("guard")).toMatchObject({
    actor_kind: "service",
    action: "policy-activated",
    details: { activation: 3, revision: good.revision, note: expect.stringMatching(why) },
  });
  // A rollback by the guard is not monitored, because it also changes the mix.
  await expectToStay(good, 0.05);
  const better = await push(textOf(800));
  await activate(better);
  await expectToStay(better, 0.06);
});

test("compares a tenant's first revision with the policy file, and rolls back to the file", async () => {
  await decide({ revision: 0, version: "1+file" }, 0);
  await decide({ revision: 0, version: "1+file" }, 0);
  const first = await push(textOf(700));
  await activate(first);
  expect((await playUntilReplaced(first, 0.5)).in_force).toMatchObject({ revision: null, author: "guard" });
});

test("compares the policy for all tenants with payments of tenants that have no policy of their own", async () => {
  // Payments of a tenant with its own policy: enough to hide the change if they were counted.
  for (let time = 0; time < 15; time += 1) await decide({ revision: 4, version: "4+own" }, 1, "has-its-own");
  await decide({ revision: 0, version: "1+file" }, 0);
  const operator = bed.as("op", { tenant: OPERATOR_TENANT });
  const made = (await operator.send("POST", "/v1/policy/revisions?tenant=", { text: textOf(650), note: "" }))
    .body as Made;
  const activation = { revision: made.revision, after: 0, note: "" };
  expect((await operator.send("POST", "/v1/policy/activations?tenant=", activation)).status).toBe(201);
  caller = { ...operator, get: (path) => operator.get(`${path}?tenant=`) };
  expect((await playUntilReplaced(made, 0.4)).in_force).toMatchObject({ revision: null, author: "guard" });
});

test("regression #24: a second attempt with a rolled-back policy needs another user, and is rolled back again", async () => {
  const plain = await push(textOf(600, ""));
  await activate(plain);
  await decide(plain, 0);
  await decide(plain, 0);
  // Neither policy has a guard.
  const bad = await push(textOf(500, ""));
  await activate(bad);
  expect((await playUntilReplaced(bad, 0.9)).in_force).toMatchObject({ revision: plain.revision, author: "guard" });
  const wanted = { revision: bad.revision, after: 3, note: "" };
  await expect(caller.send("POST", "/v1/policy/activations", wanted)).resolves.toMatchObject({
    status: 409,
    body: { code: "approval-missing" },
  });
  await bed.as("bob", { tenant }).send("POST", `/v1/policy/revisions/${bad.revision}/approvals`, { note: "" });
  // A second instance, started later, knows the first one's baseline.
  await activate(bad);
  expect((await playUntilReplaced(bad, 0.9)).in_force).toMatchObject({ revision: plain.revision, author: "guard" });
});

test("regression #24: rolls back a bad draft even after a switch to another draft and back", async () => {
  const good = await push(textOf(599));
  await activate(good);
  await decide(good, 0);
  await decide(good, 0);
  const bad = await push(textOf(499));
  await activate(bad);
  const other = await push(textOf(498));
  await activate(other);
  // Returns immediately to a policy that has not been judged yet.
  await activate(bad);
  expect((await playUntilReplaced(bad, 0.9)).in_force).toMatchObject({ author: "guard" });
  expect((await playUntilReplaced({ ...other }, 0.9)).in_force?.revision).toBe(good.revision);
});

test("keeps what two users activate without the guard, and a return to an established policy", async () => {
  const plain = await push(textOf(601, ""));
  await activate(plain);
  await decide(plain, 0);
  await decide(plain, 0);
  const meant = await push(textOf(501));
  await bed
    .as("bob", { tenant })
    .send("POST", `/v1/policy/revisions/${meant.revision}/approvals`, { note: "", unwatched: true });
  await activate(meant, { watched: false });
  await expectToStay(meant, 0.9);
});

test("ignores other tenants, and waits for a sufficient number of cards", async () => {
  const good = await push(textOf(300));
  await activate(good);
  await decide(good, 0, "another-tenant");
  const bad = await push(textOf(200));
  await activate(bad);
  await expectToStay(bad, 1);
});
