import { randomUUID } from "node:crypto";
import type { PolicyActivation } from "@tripline/contracts/generated/tripline/events/v1/events";
import { PolicyActivation as ActivationMessage } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES } from "@tripline/contracts/topics";
import type { FollowedTable } from "@tripline/kafka/port";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { TestBed, TestCaller } from "../testing/test-bed.js";
import { OPERATOR_TENANT, startTestBed } from "../testing/test-bed.js";
import { ActivationStore } from "./activation-store.js";
import { PolicyPublisher } from "./policy-publisher.js";

let bed: TestBed;
let database: Database;
let table: FollowedTable;
let activations: Map<string, PolicyActivation | undefined>;
let onChange: (() => void) | undefined;
/** Each test has its own tenant. */
let tenant: string;

beforeAll(async () => {
  bed = await startTestBed({ POLICY_CHECK_SECONDS: "30" });
  const url = bed.stack.postgresUrl;
  database = connectDatabase({ url, connectionsMax: 1, queryTimeoutMs: 5_000, onIdleError() {} });
  activations = new Map();
  table = await bed.kafka.follow({
    topic: TABLES.policies.name,
    group: "test",
    apply(changes) {
      for (const { key, value } of changes) activations.set(key, value && ActivationMessage.decode(value));
      onChange?.();
    },
    onStop: () => undefined,
  });
  await table.ready;
});

beforeEach(() => {
  tenant = `t${randomUUID()}`;
});

afterAll(async () => {
  await table.close();
  await database.close();
  await bed.close();
});

const as: TestBed["as"] = (subject, claims) => bed.as(subject, { tenant, ...claims });

/** Resolves once the table contains the key. */
async function activationOf(key: string): Promise<PolicyActivation | undefined> {
  while (!activations.has(key)) await new Promise<void>((resolve) => (onChange = resolve));
  return activations.get(key);
}

/** Moves all activations into the past by this much, and scheduled ones closer. */
async function passHours(hours: number): Promise<void> {
  const earlier = ["created_at", "activates_at"].map((column) => `${column} = ${column} - make_interval(hours => $1)`);
  await database.execute(`UPDATE control.policy_activations SET ${earlier.join(", ")}`, [hours]);
}

/** Waits until the audit log has this many entries. */
async function auditOf(caller: TestCaller, count: number): Promise<unknown> {
  for (;;) {
    const { body } = await caller.get("/v1/audit");
    if (z.object({ entries: z.array(z.unknown()) }).parse(body).entries.length >= count) return body;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const policy = (version: string, when = "amount > 500") => `version: "${version}"
rules:
  - id: big-amount
    when: ${when}
    reason: BIG_AMOUNT
    action: review
    text: The amount is {amount}.
default_decision:
  default: { action: review, reason: NO_FACTS, text: "Nothing is known." }
`;

test("checks, numbers, activates and publishes a revision", async () => {
  const ann = as("ann");
  const added = await ann.send("POST", "/v1/policy/revisions", { text: policy("1"), note: "first" });
  expect(added).toMatchObject({ status: 201, body: { revision: 1, author: "ann", note: "first" } });
  await expect(ann.send("POST", "/v1/policy/revisions", { text: policy("1") })).resolves.toMatchObject({
    status: 200,
    body: { revision: 1, note: "first" },
  });
  const made = await ann.send("POST", "/v1/policy/activations", { revision: 1, after: 0, note: "go" });
  expect(made).toMatchObject({ status: 201, body: { activation: 1, revision: 1, is_published: true } });
  await expect(activationOf(`${tenant}/1`)).resolves.toMatchObject({
    tenant,
    activation: 1,
    revision: 1,
    text: policy("1"),
    author: "ann",
    note: "go",
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  await expect(ann.get("/v1/policy")).resolves.toMatchObject({
    body: { newest_activation: 1, in_force: { revision: 1 }, scheduled: null, newest_revision: { revision: 1 } },
  });
  await expect(auditOf(ann, 2)).resolves.toMatchObject({
    entries: [
      { actor: "ann", action: "policy-activated", details: { activation: 1, revision: 1, note: "go" } },
      { actor: "ann", action: "policy-revision-added", details: { revision: 1 } },
    ],
  });
});

test("rejects an invalid policy with the line and column of each fault, and creates no revision", async () => {
  const ann = as("ann");
  const text = policy("1", "amuont > 500").replace("is {amount}", "is {amonut}");
  const errors = [
    { pointer: "/text", detail: expect.stringMatching(/^policy\.yaml:4:11 rules\.0\.when .*amuont/) },
    { pointer: "/text", detail: expect.stringMatching(/^policy\.yaml:7:5 rules\.0\.text .*\{amonut\}/) },
  ];
  for (const path of ["/v1/policy/check", "/v1/policy/revisions"]) {
    await expect(ann.send("POST", path, { text })).resolves.toMatchObject({
      status: 422,
      body: { code: "invalid-field", errors },
    });
  }
  await expect(ann.get("/v1/policy/revisions")).resolves.toMatchObject({ body: { revisions: [] } });
});

test("warns about a rule that can never fire", async () => {
  const text = policy("1", "amount > 500 && amount < 100");
  await expect(as("ann").send("POST", "/v1/policy/check", { text })).resolves.toMatchObject({
    status: 200,
    body: { warnings: ["The rule big-amount can never fire: its conditions exclude each other."] },
  });
});

test("regression #24: counts steps to reject examples that would take minutes, while the health endpoint responds", async () => {
  const list = `[${Array.from({ length: 50 }, () => 1).join(",")}]`;
  const bomb = ["a", "b", "c", "d", "e"].reduce((inner, name) => `${list}.all(${name}, ${inner})`, "amount > 0.0");
  const text = policy("1", `"${bomb}"`).replace(
    "default_decision:",
    "    examples: [{ fires: false, values: { amount: 1 } }]\ndefault_decision:",
  );
  const checked = as("vic", { scope: "policy:read" }).send("POST", "/v1/policy/check", { text });
  for (let asked = 0; asked < 3; asked += 1) {
    expect((await fetch(`${bed.service.url}/health/live`)).status).toBe(200);
  }
  const detail = expect.stringContaining("steps, more than the limit of 20,000 per rule");
  await expect(checked).resolves.toMatchObject({ status: 422, body: { errors: [{ pointer: "/text", detail }] } });
});

test("regression #24: a caller who floods policy checks gets 429, and other requests still work", async () => {
  const viewer = as("vic", { scope: "policy:read" });
  const statuses: number[] = [];
  for (let count = 0; count < 60 && !statuses.includes(429); count += 1) {
    statuses.push((await viewer.send("POST", "/v1/policy/check", { text: "rules: 7" })).status);
  }
  expect(statuses).toContain(429);
  await expect(viewer.get("/v1/policy")).resolves.toMatchObject({ status: 200 });
});

test("rejects a policy with a failing example", async () => {
  const example = "    examples: [{ fires: true, values: { amount: 3 } }]\ndefault_decision:";
  const text = policy("1").replace("default_decision:", example);
  await expect(as("ann").send("POST", "/v1/policy/revisions", { text })).resolves.toMatchObject({
    status: 422,
    body: { errors: [{ detail: "policy.yaml:8:16 The rule big-amount does not fire on this example." }] },
  });
});

test("of two concurrent activations, one gets 409 with the author of the other", async () => {
  const [ann, bob] = [as("ann"), as("bob")];
  await ann.send("POST", "/v1/policy/revisions", { text: policy("1") });
  await bob.send("POST", "/v1/policy/revisions", { text: policy("2") });
  const answers = await Promise.all([
    ann.send("POST", "/v1/policy/activations", { revision: 1, after: 0 }),
    bob.send("POST", "/v1/policy/activations", { revision: 2, after: 0 }),
  ]);
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
  const isAnnFirst = answers[0]?.status === 201;
  const detail = isAnnFirst ? /^ann activated revision 1 at / : /^bob activated revision 2 at /;
  expect(answers.find(({ status }) => status === 409)).toMatchObject({
    body: { code: "changed-meanwhile", detail: expect.stringMatching(detail) },
  });
});

test("requires approval by another user if the tenant requires it, but a rollback needs no new approval", async () => {
  const [ann, bob] = [as("ann"), as("bob")];
  await ann.send("POST", "/v1/policy/revisions", { text: policy("1") });
  await ann.send("POST", "/v1/policy/activations", { revision: 1, after: 0 });
  await bob.send("PUT", "/v1/policy/settings", { needs_approval: true });
  await ann.send("POST", "/v1/policy/revisions", { text: policy("2") });
  const activate = (revision: number, after: number) => ann.send("POST", "/v1/policy/activations", { revision, after });
  await expect(activate(2, 1)).resolves.toMatchObject({ status: 409, body: { code: "approval-missing" } });
  const approve = (caller: typeof ann) => caller.send("POST", "/v1/policy/revisions/2/approvals", { note: "fine" });
  await expect(approve(ann)).resolves.toMatchObject({ status: 409, body: { code: "approval-missing" } });
  await expect(approve(bob)).resolves.toMatchObject({ status: 204 });
  await expect(activate(2, 1)).resolves.toMatchObject({ status: 201, body: { activation: 2 } });
  await expect(activate(1, 2)).resolves.toMatchObject({ status: 201, body: { activation: 3, revision: 1 } });
  await expect(ann.get("/v1/policy/revisions/2")).resolves.toMatchObject({
    body: { approvals: [{ approver: "bob" }] },
  });
});

test("regression #24: a rolled-back policy needs approval again, even with a new number; a rollback needs none", async () => {
  const [ann, bob] = [as("ann"), as("bob")];
  const activate = async (revision: number | null, more: object = {}) => {
    const { newest_activation: after } = z
      .object({ newest_activation: z.int() })
      .parse((await ann.get("/v1/policy")).body);
    return ann.send("POST", "/v1/policy/activations", { revision, after, ...more });
  };
  const approve = (caller: TestCaller, what: number | "none", more: object = {}) =>
    caller.send("POST", `/v1/policy/revisions/${what}/approvals`, { note: "", ...more });
  const missing = { status: 409, body: { code: "approval-missing" } };
  for (const version of ["1", "2"]) await ann.send("POST", "/v1/policy/revisions", { text: policy(version) });
  await expect(activate(1)).resolves.toMatchObject({ status: 201, body: { kind: "new", is_watched: true } });
  await activate(2);
  await expect(approve(bob, 2)).resolves.toMatchObject({ status: 204 });
  // The monitoring of revision 1 has not ended, so it continues.
  await expect(activate(1)).resolves.toMatchObject({ status: 201, body: { kind: "return", is_watched: true } });
  await expect(ann.get("/v1/policy/revisions/2")).resolves.toMatchObject({ body: { activation_kind: "suspect" } });
  await expect(ann.get("/v1/policy")).resolves.toMatchObject({ body: { return_to: { revision: null } } });
  await expect(activate(2)).resolves.toMatchObject(missing);
  await ann.send("POST", "/v1/policy/revisions", { text: policy("3") });
  await ann.send("POST", "/v1/policy/revisions", { text: policy("2") });
  await expect(activate(4)).resolves.toMatchObject(missing);
  await expect(activate(4, { at: new Date(Date.now() + 60_000).toISOString() })).resolves.toMatchObject(missing);
  await approve(bob, 4);
  await expect(activate(4, { watched: false })).resolves.toMatchObject({ status: 422 });
  await expect(activate(4)).resolves.toMatchObject({ status: 201, body: { kind: "suspect", is_watched: true } });
  // Without the guard, an activation needs two users, and an approval for one with the guard does not count.
  await expect(activate(3, { watched: false })).resolves.toMatchObject(missing);
  await approve(bob, 3);
  await expect(activate(3, { watched: false })).resolves.toMatchObject(missing);
  await approve(bob, 3, { unwatched: true });
  await expect(activate(3, { watched: false })).resolves.toMatchObject({ status: 201, body: { is_watched: false } });
  await expect(activate(null)).resolves.toMatchObject({ status: 201, body: { kind: "new", is_watched: true } });
});

test("regression #24: a client counts as its owner, and one without an owner cannot approve", async () => {
  const [ann, bob, cat] = [as("ann"), as("bob"), as("cat")];
  const [ofAnn, ofBob, ofNobody] = [as("ci", { owner: "ann" }), as("bot", { owner: "bob" }), as("old", { owner: "" })];
  const push = (caller: TestCaller, version: string) =>
    caller.send("POST", "/v1/policy/revisions", { text: policy(version) });
  const approve = (caller: TestCaller, revision: number) =>
    caller.send("POST", `/v1/policy/revisions/${revision}/approvals`, { note: "" });
  const activate = (caller: TestCaller, revision: number, after: number) =>
    caller.send("POST", "/v1/policy/activations", { revision, after });
  const missing = { status: 409, body: { code: "approval-missing" } };
  await cat.send("PUT", "/v1/policy/settings", { needs_approval: true });
  await push(ann, "1");
  await expect(approve(ofAnn, 1)).resolves.toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining("ann, the owner of the client ci, wrote revision 1") },
  });
  await expect(approve(ofNobody, 1)).resolves.toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining("The client old has no owner") },
  });
  await expect(approve(ofBob, 1)).resolves.toMatchObject({ status: 204 });
  await expect(activate(ann, 1, 0)).resolves.toMatchObject({ status: 201 });
  // A revision by a client without an owner may be the approver's own, so it needs two approvals.
  await push(ofNobody, "2");
  await approve(bob, 2);
  await expect(activate(bob, 2, 1)).resolves.toMatchObject(missing);
  await expect(activate(ofBob, 2, 1)).resolves.toMatchObject(missing);
  await expect(activate(ofNobody, 2, 1)).resolves.toMatchObject(missing);
  await approve(cat, 2);
  await expect(activate(ofNobody, 2, 1)).resolves.toMatchObject({ status: 201 });
});

test("a scheduled activation is published immediately, and an earlier one replaces it", async () => {
  const ann = as("ann");
  await ann.send("POST", "/v1/policy/revisions", { text: policy("1") });
  const at = new Date(Date.now() + 3_600_000).toISOString();
  await ann.send("POST", "/v1/policy/activations", { revision: 1, after: 0, at });
  await expect(activationOf(`${tenant}/1`)).resolves.toMatchObject({ activatesAtMs: Date.parse(at) });
  await expect(ann.get("/v1/policy")).resolves.toMatchObject({
    body: { in_force: null, scheduled: { activation: 1 } },
  });
  await ann.send("POST", "/v1/policy/activations", { revision: null, after: 1, note: "not today" });
  await expect(activationOf(`${tenant}/2`)).resolves.toMatchObject({ revision: 0, text: "" });
  await expect(ann.get("/v1/policy")).resolves.toMatchObject({
    body: { in_force: { activation: 2 }, scheduled: null },
  });
  await expect(auditOf(ann, 3)).resolves.toMatchObject({ entries: [{ details: { replaces: 1 } }, {}, {}] });
});

test("an activation cancelled before its time was never in force: it needs approval and is monitored", async () => {
  const [ann, bob] = [as("ann"), as("bob")];
  for (const version of ["1", "2"]) await ann.send("POST", "/v1/policy/revisions", { text: policy(version) });
  const activate = (revision: number, after: number, at?: Date) =>
    ann.send("POST", "/v1/policy/activations", { revision, after, at });
  const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000);
  await activate(1, 0);
  await activate(2, 1, inHours(1));
  await activate(2, 2, inHours(3));
  await activate(2, 3, inHours(24));
  await passHours(5);
  // The scheduled time is still in the future.
  await expect(ann.get("/v1/policy")).resolves.toMatchObject({
    body: { in_force: { activation: 1 }, scheduled: { activation: 4 } },
  });
  await activate(1, 4);
  await bob.send("PUT", "/v1/policy/settings", { needs_approval: true });
  await passHours(24);
  await expect(activate(2, 5)).resolves.toMatchObject({ status: 409, body: { code: "approval-missing" } });
  await bob.send("POST", "/v1/policy/revisions/2/approvals", { note: "" });
  await expect(activate(2, 5)).resolves.toMatchObject({ status: 201 });
  const watched = await bed.service.get(ActivationStore).watched();
  expect(watched.filter((one) => one.tenant === tenant)).toMatchObject([{ activation: 6, revision: 2 }]);
});

test("the active policy stays on the topic, no matter how often the next activation is postponed", async () => {
  const ann = as("ann");
  await ann.send("POST", "/v1/policy/revisions", { text: policy("1") });
  for (const [after, hours] of [0, 2, 3, 48].entries()) {
    const at = new Date(Date.now() + hours * 3_600_000);
    await ann.send("POST", "/v1/policy/activations", { revision: 1, after, at });
  }
  await passHours(24);
  await expect(bed.service.get(PolicyPublisher).publish()).resolves.toBe(true);
  const withdrawn = "SELECT activation FROM control.policy_activations WHERE tenant = $1 AND withdrawn_at IS NOT NULL";
  await expect(database.query(z.object({ activation: z.int() }), withdrawn, [tenant])).resolves.toEqual([]);
});

test("a client manages its own tenant; the operator's clients manage any tenant and the policy for all tenants", async () => {
  const [shop, operator] = [as("shop"), as("op", { tenant: OPERATOR_TENANT })];
  const body = { text: policy("1") };
  for (const tenant of ["other", ""]) {
    const path = `/v1/policy/revisions?tenant=${tenant}`;
    await expect(shop.send("POST", path, body)).resolves.toMatchObject({
      status: 403,
      body: { code: "tenant-foreign" },
    });
    await expect(operator.send("POST", path, body)).resolves.toMatchObject({ status: 201 });
  }
  await expect(shop.get("/v1/policy/revisions")).resolves.toMatchObject({ body: { revisions: [] } });
  const reader = as("reader", { scope: "policy:read" });
  await expect(reader.send("POST", "/v1/policy/revisions", body)).resolves.toMatchObject({ status: 403 });
});

test("a draft may be invalid, and cannot overwrite another user's changes", async () => {
  const [ann, bob] = [as("ann"), as("bob")];
  const save = (caller: typeof ann, text: string, version: number) =>
    caller.send("PUT", "/v1/policy/drafts/night", { text, version });
  await expect(save(ann, "rules: 7", 0)).resolves.toMatchObject({
    status: 200,
    body: { version: 1, faults: expect.arrayContaining([expect.stringContaining("rules must be a list")]) },
  });
  await expect(save(bob, policy("2"), 0)).resolves.toMatchObject({ status: 409, body: { code: "changed-meanwhile" } });
  await expect(save(bob, policy("2"), 1)).resolves.toMatchObject({ body: { version: 2, faults: [] } });
  await expect(ann.send("POST", "/v1/policy/revisions", { draft: "night" })).resolves.toMatchObject({ status: 201 });
  await expect(ann.send("DELETE", "/v1/policy/drafts/night")).resolves.toMatchObject({ status: 204 });
  await expect(ann.get("/v1/policy/drafts/night")).resolves.toMatchObject({ status: 404 });
});

test.each([
  ["a revision that does not exist", { revision: 9, after: 0 }, 404],
  ["no activation to follow", { revision: 1 }, 422],
  ["an invalid time", { revision: 1, after: 0, at: "tomorrow" }, 422],
  ["a time years ahead", { revision: 1, after: 0, at: "2099-01-01T00:00:00Z" }, 422],
  ["a character that Postgres cannot store", { revision: 1, after: 0, note: "\0" }, 422],
  ["a note with a card number", { revision: 1, after: 0, note: "after 4111 1111 1111 1111 was charged" }, 422],
])("rejects an activation with %s", async (_name, body, status) => {
  const ann = as("ann");
  await ann.send("POST", "/v1/policy/revisions", { text: policy("1") });
  await expect(ann.send("POST", "/v1/policy/activations", body)).resolves.toMatchObject({ status });
});

test("publishes active policies to a new Kafka cluster at startup, and deletes superseded ones", async () => {
  const ann = as("ann");
  await ann.send("POST", "/v1/policy/revisions", { text: policy("1") });
  for (const after of [0, 1, 2]) await ann.send("POST", "/v1/policy/activations", { revision: 1, after });
  await activationOf(`${tenant}/3`);
  await passHours(2);
  await expect(database.execute("DELETE FROM control.audit", [])).rejects.toThrow("never changed or removed");
  await expect(database.execute("UPDATE control.policy_revisions SET note = 'x'", [])).rejects.toThrow("never changed");
  // An earlier release removed the active policy if its successor had been replaced.
  const remove = "UPDATE control.policy_activations SET withdrawn_at = now() WHERE tenant = $1 AND activation = 3";
  await database.execute(remove, [tenant]);
  // Activation 1 may have been deleted already, and is not deleted again.
  for (const number of [2, 3]) activations.delete(`${tenant}/${number}`);
  await bed.startAnother();
  for (const number of [2, 3]) {
    await expect(activationOf(`${tenant}/${number}`)).resolves.toMatchObject({ activation: number });
  }
  while (activations.get(`${tenant}/1`) !== undefined || !activations.has(`${tenant}/1`)) {
    await new Promise<void>((resolve) => (onChange = resolve));
  }
});
