import { setTimeout as delay } from "node:timers/promises";
import type { SkippedRule } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Decision, PolicyActivation } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES, TOPICS } from "@tripline/contracts/topics";
import type { EventProducer, FollowedTable } from "@tripline/kafka/port";
import type { TestBed } from "../testing/test-bed.js";
import { OPERATOR_TENANT, startTestBed } from "../testing/test-bed.js";

const WAIT_MS_MAX = 120_000;
/** Longer than two checks. */
const LOOKS_MS = 2_500;

const textOf = (limit: number) => `version: "${limit}"
rules:
  - { id: bomb, when: amount > ${limit}, reason: LARGE, action: decline, text: "Large." }
default_decision:
  default: { action: review, reason: NO_FACTS, text: "Nothing is known." }
`;

let bed: TestBed;
let producer: EventProducer;
let table: FollowedTable;
const activations = new Map<string, PolicyActivation>();

beforeAll(async () => {
  bed = await startTestBed();
  await bed.startAnother();
  producer = await bed.kafka.producer();
  table = await bed.kafka.follow({
    topic: TABLES.policies.name,
    group: "test",
    apply(changes) {
      for (const { key, value } of changes)
        if (value !== undefined) activations.set(key, PolicyActivation.decode(value));
    },
    onStop: () => undefined,
  });
  await table.ready;
});
afterAll(async () => {
  await table.close();
  await producer.close();
  await bed.close();
});

interface Made {
  readonly revision: number;
  readonly version: string;
}

async function activate(tenant: string, limit: number): Promise<Made> {
  const caller = bed.as("ann", { tenant: tenant === "" ? OPERATOR_TENANT : tenant });
  const query = tenant === "" ? "?tenant=" : "";
  const { body } = await caller.send("POST", `/v1/policy/revisions${query}`, { text: textOf(limit), note: "" });
  const { newest_activation: after } = await status(tenant);
  const { revision } = body as Made;
  const wanted = { revision, after, note: "" };
  expect((await caller.send("POST", `/v1/policy/activations${query}`, wanted)).status).toBe(201);
  return body as Made;
}

interface Status {
  readonly newest_activation: number;
  readonly switched_off_rules: readonly { readonly rule_id: string; readonly why: string }[];
}
async function status(tenant: string): Promise<Status> {
  const caller = bed.as("ann", { tenant: tenant === "" ? OPERATOR_TENANT : tenant });
  return (await caller.get(`/v1/policy${tenant === "" ? "?tenant=" : ""}`)).body as Status;
}

/** A decision for which the rule had no result. */
async function fail(tenant: string, { revision, version }: Made, id: string, skipped: Partial<SkippedRule> = {}) {
  const decision: Decision = {
    ...Decision.decode(new Uint8Array()),
    transactionId: `txn_${id}`,
    tenant,
    decidedAtMs: Date.now(),
    policyVersion: version,
    policyRevision: revision,
    skippedRules: [{ ruleId: "bomb", why: "budget-exceeded", inShadow: false, ...skipped }],
  };
  const value = Decision.encode(decision).finish();
  await producer.send([{ topic: TOPICS.decisions.name, key: id, value, headers: {} }]);
}

async function untilSwitchedOff(tenant: string): Promise<Status> {
  for (const endMs = Date.now() + WAIT_MS_MAX; Date.now() < endMs; await delay(100)) {
    const found = await status(tenant);
    if (found.switched_off_rules.length > 0) return found;
  }
  throw new Error(`not switched off after ${WAIT_MS_MAX} ms`);
}

test("regression #24: a rule that fails for three payments is switched off once, audited and published; a new revision enables it", async () => {
  const made = await activate("acme", 100);
  for (const id of ["a1", "a2", "a1", "a2"]) await fail("acme", made, id);
  await fail("acme", { ...made, version: "100+another" }, "a3");
  await fail("acme", made, "a4", { why: "switched-off" });
  await delay(LOOKS_MS);
  expect((await status("acme")).switched_off_rules).toEqual([]);
  expect(activations.get("acme/1")).toMatchObject({ switchedOffRules: [] });
  await fail("acme", made, "a5", { inShadow: true });
  await fail("acme", made, "a6");
  expect(await untilSwitchedOff("acme")).toMatchObject({
    switched_off_rules: [{ rule_id: "bomb", why: "budget-exceeded" }],
  });
  while (activations.get("acme/1")?.switchedOffRules.length !== 1) await delay(50);
  await delay(LOOKS_MS);
  const { body } = await bed.as("ann").get("/v1/audit?action=policy-rule-switched-off");
  const { entries } = body as { readonly entries: readonly unknown[] };
  expect(entries).toHaveLength(1);
  expect(entries[0]).toMatchObject({
    actor: "guard",
    actor_kind: "service",
    details: { revision: made.revision, rule: "bomb", payments: expect.arrayContaining(["txn_a1", "txn_a2"]) },
  });
  await activate("acme", 200);
  expect((await status("acme")).switched_off_rules).toEqual([]);
  while (!activations.has("acme/2")) await delay(50);
  expect(activations.get("acme/2")).toMatchObject({ switchedOffRules: [] });
});

test("a failing rule of the policy for all tenants is switched off for all of them, regardless of whose payments it fails for", async () => {
  const made = await activate("", 300);
  for (const [index, tenant] of ["one", "two", "three"].entries()) await fail(tenant, made, `b${index}`);
  expect(await untilSwitchedOff("")).toMatchObject({ switched_off_rules: [{ rule_id: "bomb" }] });
  expect((await status("one")).switched_off_rules).toEqual([]);
});
