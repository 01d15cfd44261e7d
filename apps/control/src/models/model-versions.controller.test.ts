import { setTimeout as delay } from "node:timers/promises";
import type { RecordingRegistry } from "@tripline/model-registry/model-registry";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { publication, temporaryRegistry } from "@tripline/model-registry/testing/publications";
import { z } from "zod";
import type { TestBed, TestCaller } from "../testing/test-bed.js";
import { OPERATOR_TENANT, startTestBed } from "../testing/test-bed.js";

let bed: TestBed;
let caller: TestCaller;
let ann: TestCaller;
let bob: TestCaller;
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
  const rights = { tenant: OPERATOR_TENANT, scope: "models:read models:write" };
  caller = bed.as("ann", rights);
  ann = bed.as("cli-ann", { ...rights, owner: "ann" });
  bob = bed.as("cli-bob", { ...rights, owner: "bob" });
});

afterAll(async () => {
  await bed?.close();
  await removeRegistry?.();
});

const start = (body: object = {}) =>
  caller.send("POST", "/v1/rollouts", { model: "fraud", candidate, why: "by hand", ...body });
const compare = (body: object, who = caller, version = candidate) =>
  who.send("PUT", `/v1/models/fraud/versions/${version}/comparison`, body);

const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
const at = (version: string) => `/v1/models/fraud/versions/${version}`;
const shownCard = z.object({ owner: z.string(), expires_at: z.string(), registered_at: z.string() });
/** The part of a card that a signature repeats. */
const cardRead = async (version: string) => shownCard.parse((await caller.get(`${at(version)}/card`)).body);
const sign = async (who: TestCaller, version: string) =>
  who.send("POST", `${at(version)}/signature`, await cardRead(version));

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

test("a version with a model card becomes the champion only after another user has signed it", async () => {
  const { version } = await registry.publish(publication("with a card"));
  const card = { owner: "Fraud models", expires_at: inDays(1) };
  const register = (who: TestCaller) => who.send("PUT", `${at(version)}/card`, card);
  expect(await caller.get(`${at(version)}/card`)).toMatchObject({ status: 404 });
  const unread = { ...card, registered_at: inDays(0) };
  expect(await ann.send("POST", `${at(version)}/signature`, unread)).toMatchObject({ status: 404 });
  expect((await register(ann)).status).toBe(204);
  const guards = { mature_labels_min: 0 };
  expect((await start({ candidate: version, without_comparison: true, guards })).status).toBe(201);
  const promote = () => caller.send("POST", "/v1/rollouts/fraud/promote", {});
  expect(await promote()).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining("Nobody has signed") },
  });
  expect(await sign(ann, version)).toMatchObject({ status: 409, body: { code: "approval-missing" } });
  expect((await sign(bob, version)).status).toBe(204);
  const signed = { ...card, version, registered_by: "ann", signed_by: "bob" };
  expect((await caller.get(`${at(version)}/card`)).body).toMatchObject(signed);
  // A change needs a new signature.
  expect((await register(bob)).status).toBe(204);
  expect((await promote()).status).toBe(409);
  expect((await sign(ann, version)).status).toBe(204);
  expect((await promote()).status).toBe(200);
});

test("regression #31: a signature is only for the version and the card that the user read", async () => {
  const { version } = await registry.publish(publication("signed as read"));
  await registry.setAlias("fraud", "latest", version);
  const card = { owner: "Fraud models", expires_at: inDays(1) };
  expect((await ann.send("PUT", `${at("latest")}/card`, card)).status).toBe(204);
  // An alias is read as its version, but cannot be signed, because it can move.
  expect(await caller.get(`${at("latest")}/card`)).toMatchObject({ status: 200, body: { ...card, version } });
  const read = await cardRead(version);
  expect((await bob.send("POST", `${at("latest")}/signature`, read)).status).toBe(422);
  expect((await bob.send("POST", `${at(version)}/signature`)).status).toBe(422);
  const changes = [{ ...card, owner: "Somebody else" }, { ...card, expires_at: inDays(900) }, card];
  for (const change of changes) {
    expect((await ann.send("PUT", `${at(version)}/card`, change)).status).toBe(204);
    const answer = await bob.send("POST", `${at(version)}/signature`, read);
    expect(answer).toMatchObject({ status: 409, body: { code: "changed-meanwhile" } });
  }
  expect((await sign(bob, version)).status).toBe(204);
  const auditor = bed.as("auditor", { tenant: OPERATOR_TENANT, scope: "audit:read" });
  const entry = { action: "model-card-signed", details: { model: "fraud", version, ...card } };
  // The audit log is written after the response.
  const found = async () => (await auditor.get("/v1/audit?tenant=&action=model-card-signed&limit=1")).body;
  for (let tries = 0; tries < 300 && !JSON.stringify(await found()).includes(version); tries += 1) await delay(100);
  expect(await found()).toMatchObject({ entries: [entry] });
});

test("regression #31: a version with an unsigned model card decides for at most 5 % of the cards", async () => {
  const { version } = await registry.publish(publication("unsigned"));
  const card = { owner: "Fraud models", expires_at: inDays(1) };
  expect((await ann.send("PUT", `${at(version)}/card`, card)).status).toBe(204);
  const plan = { steps_percent: [5, 100], guards: { mature_labels_min: 0 } };
  expect((await start({ candidate: version, without_comparison: true, ...plan })).status).toBe(201);
  const advance = () => caller.send("POST", "/v1/rollouts/fraud/advance", {});
  expect(await advance()).toMatchObject({ status: 200, body: { canary_percent: 5 } });
  const detail = expect.stringContaining(`tripline models sign ${version}`);
  expect(await advance()).toMatchObject({ status: 409, body: { code: "rollout-conflict", detail } });
  expect((await sign(bob, version)).status).toBe(204);
  expect(await advance()).toMatchObject({ status: 200, body: { canary_percent: 100 } });
  // After the rollback, the same version needs a new signature.
  await caller.send("POST", "/v1/rollouts/fraud/rollback", {});
  expect((await caller.get(`${at(version)}/card`)).body).toMatchObject({ signed_by: null });
});

test("a model card has an owner, a bounded expiry and a known user, and belongs to the operator", async () => {
  const path = `/v1/models/fraud/versions/${candidate}/card`;
  for (const card of [
    { owner: "", expires_at: inDays(1) },
    { owner: "a", expires_at: inDays(-1) },
  ]) {
    expect((await ann.send("PUT", path, card)).status).toBe(422);
  }
  const card = { owner: "Fraud models", expires_at: inDays(1) };
  expect((await ann.send("PUT", path, { ...card, expires_at: inDays(2_000) })).status).toBe(422);
  const ownerless = bed.as("robot", { tenant: OPERATOR_TENANT, scope: "models:write", owner: "" });
  expect(await ownerless.send("PUT", path, card)).toMatchObject({ status: 409, body: { code: "approval-missing" } });
  const foreign = bed.as("eve", { tenant: "acme", scope: "models:read models:write" });
  for (const answer of [await foreign.get(path), await foreign.send("PUT", path, card)]) {
    expect(answer).toMatchObject({ status: 403, body: { code: "tenant-foreign" } });
  }
});
