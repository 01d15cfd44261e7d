import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { publication } from "@tripline/model-registry/testing/publications";
import { comparedVersions, versionOfCandidate } from "./compared-versions.js";

const [CANDIDATE, REFERENCE] = ["0123456789ab", "ba9876543210"];

let root: string;
let url: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "tripline-compared-"));
  url = pathToFileURL(root).href;
});

afterEach(() => rm(root, { recursive: true, force: true }));

test.each([
  { metrics: {}, expected: [CANDIDATE] },
  { metrics: { retrain: { is_as_good: false } }, expected: [CANDIDATE] },
  { metrics: { retrain: { reference: REFERENCE } }, expected: [CANDIDATE, REFERENCE] },
])("regression #31: the candidate and the champion's reference are compared: $metrics", async (given) => {
  const registry = openRegistry(url);
  const { version } = await registry.publish(publication("model one", { metrics: given.metrics }));
  await registry.setAlias("fraud", "champion", version);
  await registry.publish(publication("model two", { metrics: { retrain: { reference: "222222222222" } } }));
  const listed = await registry.list("fraud");
  expect(comparedVersions(listed, CANDIDATE)).toEqual(given.expected);
  expect(comparedVersions(listed)).toEqual(given.expected.slice(1));
});

test("regression #31: a candidate is a version, even if its alias moves", async () => {
  const registry = openRegistry(url);
  const { version } = await registry.publish(publication("model one"));
  await registry.setAlias("fraud", "mine", version);
  expect(await versionOfCandidate(url, "fraud", "mine")).toBe(version);
  expect(await versionOfCandidate(url, "fraud", CANDIDATE)).toBe(CANDIDATE);
  await expect(versionOfCandidate(url, "fraud", "missing")).rejects.toMatchObject({ code: "model-not-found" });
});
