import { randomUUID } from "node:crypto";
import type { RecordingRegistry } from "@tripline/model-registry/model-registry";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { publication, temporaryRegistry } from "@tripline/model-registry/testing/publications";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { TestBed, TestCaller } from "../testing/test-bed.js";
import { OPERATOR_TENANT, startTestBed } from "../testing/test-bed.js";

let bed: TestBed;
let database: Database;
let ann: TestCaller;
let bob: TestCaller;
let registry: RecordingRegistry;
let removeRegistry: () => Promise<void>;

beforeAll(async () => {
  const files = await temporaryRegistry();
  removeRegistry = files.remove;
  registry = openRegistry(files.url);
  bed = await startTestBed({ REGISTRY_URL: files.url });
  const { postgresUrl: url } = bed.stack;
  database = connectDatabase({ url, connectionsMax: 1, queryTimeoutMs: 30_000, onIdleError() {} });
  const rights = { tenant: OPERATOR_TENANT, scope: "models:read models:write" };
  ann = bed.as("ann", rights);
  bob = bed.as("bob", rights);
});

afterAll(async () => {
  await database?.close();
  await bed?.close();
  await removeRegistry?.();
});

let name: string;
let champion: string;

/** Each test has its own model. */
beforeEach(async () => {
  name = `m-${randomUUID().slice(0, 8)}`;
  champion = (await publish()).version;
  await registry.setAlias(name, "champion", champion);
  await registry.setAlias(name, "candidate", champion);
});

/** @param retrained whether retraining compared the version with the champion */
function publish(retrained = false) {
  const money = { sentence: "It saves 12.00 EUR per day." };
  const metrics = retrained ? { retrain: { champion, is_as_good: false, money } } : {};
  return registry.publish({ ...publication(randomUUID(), { metrics, created_at: new Date().toISOString() }), name });
}

const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
const setLimits = (who: TestCaller, change: object = {}) =>
  who.send("PUT", `/v1/models/${name}/limits`, {
    ...{ owner: "Fraud models", expires_at: inDays(30), mature_labels_min: 0, label_days_min: 0, ...change },
  });
const shownModels = z.object({
  models: z.array(
    z.looseObject({
      name: z.string(),
      limits: z.looseObject({ set_at: z.string(), not_in_effect: z.string().nullable() }).nullable(),
      versions: z.array(z.looseObject({ version: z.string() })),
    }),
  ),
});
async function shownModel() {
  const { models } = shownModels.parse((await ann.get("/v1/models")).body);
  return models.find((one) => one.name === name);
}
async function signLimits(who: TestCaller) {
  const { limits } = (await shownModel()) ?? {};
  return who.send("POST", `/v1/models/${name}/limits/signature`, { set_at: limits?.set_at });
}
const step = (action: string) => ann.send("POST", `/v1/rollouts/${name}/${action}`, {});

/** A rollout of a retrained version at 5 % of the cards. */
async function startRollout(change: object = {}): Promise<string> {
  const { version } = await publish(true);
  const plan = { steps_percent: [5, 50], guards: { mature_labels_min: 0, label_days: 0 } };
  const started = await ann.send("POST", "/v1/rollouts", { model: name, candidate: version, ...plan, ...change });
  expect(started).toMatchObject({ status: 201 });
  expect(await step("advance")).toMatchObject({ status: 200, body: { canary_percent: 5 } });
  return version;
}

const refused = (why: string) => ({
  status: 409,
  body: { code: "rollout-conflict", detail: expect.stringContaining(why) },
});

test("within limits that another user signed, a retrained version becomes the champion and gets a model card", async () => {
  expect((await setLimits(ann)).status).toBe(204);
  const version = await startRollout();
  expect(await step("advance")).toMatchObject(refused("Nobody has signed the limits for automatic promotion."));
  expect(await signLimits(ann)).toMatchObject({ status: 409, body: { code: "approval-missing" } });
  expect((await signLimits(bob)).status).toBe(204);
  expect(await step("advance")).toMatchObject({ status: 200, body: { canary_percent: 50 } });
  expect(await shownModel()).toMatchObject({ versions: [{ version, card: null }, {}] });
  expect(await step("promote")).toMatchObject({ status: 200, body: { stage: "champion" } });
  const card = { owner: "Fraud models", registered_by: "ann", signed_by: "bob" };
  expect(await shownModel()).toMatchObject({ versions: [{ version, card }, {}], limits: { promotions: 1 } });
  const audit = z.object({ details: z.looseObject({ version: z.string(), signed_by: z.string() }) });
  const signed = "SELECT details FROM control.audit WHERE action = 'model-card-signed-by-limits' AND tenant = ''";
  const noted = await database.query(audit, signed, []);
  expect(noted.filter(({ details }) => details.version === version)).toMatchObject([{ details: { signed_by: "bob" } }]);
});

test("expired limits and withdrawn limits allow no promotion", async () => {
  await setLimits(ann);
  await signLimits(bob);
  await startRollout();
  await database.execute("UPDATE control.promotion_limits SET expires_at = now() WHERE model_name = $1", [name]);
  expect(await step("promote")).toMatchObject(refused("The limits for automatic promotion expired on "));
  await setLimits(ann);
  expect((await signLimits(bob)).status).toBe(204);
  expect((await bob.send("DELETE", `/v1/models/${name}/limits/signature`)).status).toBe(204);
  expect(await step("promote")).toMatchObject(refused("Nobody has signed the limits"));
});

test("a signature applies only to the limits that the user read, and new limits have none", async () => {
  await setLimits(ann, { promotions_max: 1 });
  const read = (await shownModel())?.limits?.set_at;
  await setLimits(ann, { promotions_max: 50 });
  const stale = await bob.send("POST", `/v1/models/${name}/limits/signature`, { set_at: read });
  expect(stale).toMatchObject({ status: 409, body: { code: "changed-meanwhile" } });
  expect((await signLimits(bob)).status).toBe(204);
  // A repeated request changes nothing.
  expect((await signLimits(bob)).status).toBe(204);
  const carl = bed.as("carl", { tenant: OPERATOR_TENANT, scope: "models:read models:write" });
  expect(await signLimits(carl)).toMatchObject({ status: 409, body: { code: "changed-meanwhile" } });
  const rows = "SELECT actor FROM control.audit WHERE action = 'promotion-limits-signed' AND details ->> 'model' = $1";
  expect(await database.query(z.object({ actor: z.string() }), rows, [name])).toEqual([{ actor: "bob" }]);
  await setLimits(bob, { percent_max: 50 });
  await startRollout();
  expect(await step("advance")).toMatchObject(refused("Nobody has signed the limits"));
  expect((await signLimits(ann)).status).toBe(204);
  expect((await step("advance")).status).toBe(200);
  expect(await step("promote")).toMatchObject(refused("allow 50 % of the cards, not 100 %"));
});

test("after a rollback, limits must be set and signed again", async () => {
  await setLimits(ann);
  await signLimits(bob);
  await startRollout();
  // A rollback at 5 % of the cards does not end the limits.
  expect((await step("rollback")).status).toBe(200);
  await startRollout();
  expect(await step("advance")).toMatchObject({ status: 200, body: { canary_percent: 50 } });
  expect((await step("rollback")).status).toBe(200);
  await startRollout();
  const why = "A version has been rolled back since the limits for automatic promotion were set";
  expect(await step("advance")).toMatchObject(refused(why));
  expect(await shownModel()).toMatchObject({ limits: { not_in_effect: expect.stringContaining(why) } });
  await setLimits(ann);
  await signLimits(bob);
  expect((await step("advance")).status).toBe(200);
});

test("regression #31: after a rollback, limits must be set again, even if they are withdrawn and signed again", async () => {
  const expires = { expires_at: inDays(30) };
  await setLimits(ann, expires);
  await signLimits(bob);
  await startRollout();
  await step("advance");
  await step("rollback");
  const withdraw = () => bob.send("DELETE", `/v1/models/${name}/limits/signature`);
  expect((await withdraw()).status).toBe(204);
  expect((await signLimits(bob)).status).toBe(204);
  await startRollout();
  expect(await step("advance")).toMatchObject(refused("must be set and signed again"));
  // The same values, set again, are new limits.
  await withdraw();
  await setLimits(ann, expires);
  expect((await signLimits(bob)).status).toBe(204);
  expect((await step("advance")).status).toBe(200);
});

test.each(["control", "the registry"])(
  "regression #31: a rollback of a champion through %s ends the limits and removes the signature that they gave",
  async (through) => {
    await setLimits(ann);
    await signLimits(bob);
    const version = await startRollout();
    expect(await step("promote")).toMatchObject({ status: 200, body: { stage: "champion" } });
    if (through === "control") {
      expect(await step("rollback")).toMatchObject({ status: 200, body: { stage: "rolled-back", changed_by: "ann" } });
    } else {
      await registry.setAlias(name, "champion", champion);
    }
    expect(await registry.aliasTarget(name, "champion")).toBe(champion);
    await startRollout({ candidate: version });
    expect(await step("advance")).toMatchObject(refused("Nobody has signed its model card."));
    await step("rollback");
    const next = await startRollout();
    expect(await step("advance")).toMatchObject(refused("must be set and signed again"));
    const { versions } = (await shownModel()) ?? {};
    expect(versions?.find((one) => one.version === version)).toMatchObject({ card: { signed_by: null } });
    expect(await registry.aliasTarget(name, "candidate")).toBe(next);
  },
);

test("regression #31: a rollback does not report success if another version has become the champion since", async () => {
  await setLimits(ann);
  await signLimits(bob);
  await startRollout();
  expect((await step("promote")).status).toBe(200);
  const { version } = await publish();
  await registry.setAlias(name, "champion", version);
  expect(await step("rollback")).toMatchObject(refused("which this rollout did not promote"));
  expect(await registry.aliasTarget(name, "champion")).toBe(version);
});

test("versions registered by hand, and those with a model card, still need their own signature", async () => {
  await setLimits(ann);
  await signLimits(bob);
  const { version } = await publish();
  const comparison = { champion, money: "It saves 12.00 EUR per day." };
  await ann.send("PUT", `/v1/models/${name}/versions/${version}/comparison`, comparison);
  await startRollout({ candidate: version });
  expect(await step("promote")).toMatchObject(refused("apply only to versions that retraining compared"));
  await step("rollback");
  const retrained = await startRollout();
  const card = { owner: "Fraud models", expires_at: inDays(9) };
  await ann.send("PUT", `/v1/models/${name}/versions/${retrained}/card`, card);
  expect(await step("promote")).toMatchObject(refused("Nobody has signed its model card."));
});

test("only the operator can set limits, for an existing model and within bounds", async () => {
  const foreign = bed.as("eve", { tenant: "acme", scope: "models:read models:write" });
  expect(await setLimits(foreign)).toMatchObject({ status: 403, body: { code: "tenant-foreign" } });
  expect(await foreign.get("/v1/models")).toMatchObject({ status: 403, body: { code: "tenant-foreign" } });
  const reader = bed.as("ria", { tenant: OPERATOR_TENANT, scope: "models:read" });
  expect((await setLimits(reader)).status).toBe(403);
  for (const change of [{ owner: "" }, { expires_at: inDays(-1) }, { expires_at: inDays(500) }, { percent_max: 2 }]) {
    expect((await setLimits(ann, change)).status).toBe(422);
  }
  const robot = bed.as("robot", { tenant: OPERATOR_TENANT, scope: "models:write", owner: "" });
  expect(await setLimits(robot)).toMatchObject({ status: 409, body: { code: "approval-missing" } });
  name = "nothing";
  expect((await setLimits(ann)).status).toBe(404);
  expect(await ann.send("DELETE", "/v1/models/nothing/limits/signature")).toMatchObject({ status: 404 });
});
