import type { RecordingRegistry } from "@tripline/model-registry/model-registry";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { publication, temporaryRegistry } from "@tripline/model-registry/testing/publications";
import type { TestBed, TestCaller } from "../testing/test-bed.js";
import { OPERATOR_TENANT, startTestBed } from "../testing/test-bed.js";

let bed: TestBed;
let caller: TestCaller;
let removeRegistry: () => Promise<void>;
let registry: RecordingRegistry;
let champion: string;
let candidate: string;

beforeAll(async () => {
  const files = await temporaryRegistry();
  removeRegistry = files.remove;
  registry = openRegistry(files.url);
  champion = (await registry.publish(publication("champion"))).version;
  candidate = (await registry.publish(publication("by hand"))).version;
  await registry.setAlias("fraud", "champion", champion);
  await registry.setAlias("fraud", "candidate", champion);
  bed = await startTestBed({ REGISTRY_URL: files.url });
  caller = bed.as("ann", { tenant: OPERATOR_TENANT, scope: "models:read models:write" });
});

afterAll(async () => {
  await bed?.close();
  await removeRegistry?.();
});

const start = (body: object = {}) =>
  caller.send("POST", "/v1/rollouts", { model: "fraud", candidate, why: "by hand", ...body });
const compare = (body: object, who = caller, version = candidate) =>
  who.send("PUT", `/v1/models/fraud/versions/${version}/comparison`, body);

test("regression #31: a version that was registered by hand is rolled out only after a comparison with this champion", async () => {
  expect(await start()).toMatchObject({ status: 422, body: { code: "comparison-missing" } });
  expect((await compare({ champion: "0123456789ab" })).status).toBe(204);
  expect(await start()).toMatchObject({ status: 422, body: { code: "comparison-missing" } });
  const agreement = { champion, pairs: 400, concordance: 0.9, bands: [] };
  expect((await compare({ champion, money: "It saves 12.00 EUR per day.", agreement })).status).toBe(204);
  const offline = { champion, is_as_good: false, money: "It saves 12.00 EUR per day." };
  expect(await start()).toMatchObject({ status: 201, body: { offline } });
  await caller.send("POST", "/v1/rollouts/fraud/rollback", {});
});

test("a rollout without a comparison needs a reason, and the audit log shows it", async () => {
  const { version } = await registry.publish(publication("urgent"));
  const without = { candidate: version, without_comparison: true };
  expect(await start({ ...without, why: " " })).toMatchObject({ status: 422, body: { code: "invalid-field" } });
  expect(await start(without)).toMatchObject({ status: 201, body: { offline: null } });
  await caller.send("POST", "/v1/rollouts/fraud/rollback", {});
});

test("only the operator's clients may store a comparison, of a version that exists", async () => {
  const foreign = bed.as("eve", { tenant: "acme", scope: "models:write" });
  expect(await compare({ champion }, foreign)).toMatchObject({ status: 403, body: { code: "tenant-foreign" } });
  const reader = bed.as("bob", { tenant: OPERATOR_TENANT, scope: "models:read" });
  expect((await compare({ champion }, reader)).status).toBe(403);
  expect(await compare({ champion }, caller, "0123456789ab")).toMatchObject({ status: 404 });
  const other = { champion, agreement: { champion: "0123456789ab", pairs: 1, concordance: 1, bands: [] } };
  expect(await compare(other)).toMatchObject({ status: 422 });
});
