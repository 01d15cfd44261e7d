import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TriplineError } from "@tripline/contracts/error-table";
import { ObjectStore } from "@tripline/object-store/object-store";
import { MemoryDriver } from "@tripline/object-store/testing/memory-driver";
import { startPythonStores } from "@tripline/object-store/testing/store-servers";
import { ModelCache, VERSIONS_CACHED_MAX } from "../model-cache.js";
import { openRegistry } from "../open-registry.js";
import { rollBackAlias } from "../roll-back-alias.js";
import { publication, refusal } from "../testing/publications.js";
import { StoreRegistry } from "./store-registry.js";
import { withFolder } from "./with-folder-registry.js";

const START_MS_MAX = 300_000;

let root: string;
let driver: MemoryDriver;
let caches = 0;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "tripline-store-registry-"));
  driver = new MemoryDriver();
});

afterEach(() => rm(root, { recursive: true, force: true }));

/** Opens it as another process would. */
function open(warnings: string[] = [], from: MemoryDriver = driver): StoreRegistry {
  caches += 1;
  const cache = new ModelCache(join(root, String(caches)));
  const store = new ObjectStore("s3://models", from, { pauseMs: 1 });
  return new StoreRegistry(
    async () => store,
    cache,
    (sentence) => warnings.push(sentence),
  );
}

test("another process reads published versions and alias moves, including who made the moves", async () => {
  const [here, there] = [open(), open()];
  const { version } = await here.publish({ ...publication("model one"), scorecard: Buffer.from("{}") });
  await here.setAlias("fraud", "champion", version, { by: "kim", why: "first" });
  const resolved = await there.resolve("fraud", "champion");
  expect(Buffer.from(resolved.modelBytes).toString()).toBe("model one");
  expect(Buffer.from((await there.scorecard("fraud", version)) ?? []).toString()).toBe("{}");
  const { version: second } = await there.publish(publication("model two"));
  await there.setAlias("fraud", "champion", second, { by: "kim" });
  await there.setAlias("fraud", "challenger", version);
  expect(await here.aliasTarget("fraud", "champion")).toBe(second);
  expect((await here.history("fraud")).map(({ alias, from, to }) => [alias, from, to])).toEqual([
    ["champion", null, version],
    ["champion", version, second],
    ["challenger", null, version],
  ]);
  expect((await rollBackAlias(here, "fraud", "champion")).to).toBe(version);
  expect(await here.models()).toEqual(["fraud"]);
  expect((await here.list("fraud")).map(({ aliases }) => aliases.toSorted())).toContainEqual([
    "challenger",
    "champion",
  ]);
});

test("only one of several concurrent moves succeeds if they expect the same version", async () => {
  const registries = [1, 2, 3, 4].map(() => open());
  const versions = await Promise.all(
    registries.map(async (registry, index) => (await registry.publish(publication(`model ${index}`))).version),
  );
  const moves = await Promise.allSettled(
    registries.map((registry, index) =>
      registry.setAlias("fraud", "champion", versions[index] ?? "", { expect: null }),
    ),
  );
  expect(moves.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  for (const move of moves) if (move.status === "rejected") expect(move.reason.code).toBe("state-conflict");
  await Promise.all(
    registries.map((registry, index) => registry.setAlias("fraud", `a${index}`, versions[index] ?? "")),
  );
  expect(await open().history("fraud")).toHaveLength(5);
});

test("a partly published version is invisible and can be published again", async () => {
  class Dying extends MemoryDriver {
    override put = async (key: string, body: Parameters<MemoryDriver["put"]>[1], isNew: boolean) => {
      if (key.endsWith("model.json")) throw new Error("dead");
      return driver.put(key, body, isNew);
    };
  }
  await expect(open([], new Dying()).publish(publication("model one"))).rejects.toThrow("dead");
  expect(driver.objects.size).toBeGreaterThan(0);
  expect(await open().versions("fraud")).toEqual([]);
  const { version } = await open().publish(publication("model one"));
  expect(await open().versions("fraud")).toEqual([version]);
});

test("concurrent publications of a model with different golden batches leave one complete version", async () => {
  const others = [0.25, 0.5, 0.75].map((output) => ({
    ...publication("model one"),
    golden: { inputs: [[1, 2.5]], outputs: [output] },
  }));
  const published = await Promise.all(others.map((one) => open().publish(one)));
  const outputs = new Set(published.map(({ golden }) => golden.outputs[0]));
  expect(outputs.size).toBe(1);
});

test("rejects a damaged file, and the same model with different features", async () => {
  const { version, manifest } = await open().publish(publication("model one"));
  const other = publication("model one", { features: ["card_count_1d", "amount"] });
  expect((await refusal(open().publish(other))).message).toContain('a different "features"');
  const key = `models/fraud/files/${manifest.files["model.onnx"]}`;
  await driver.put(key, { kind: "bytes", data: Buffer.from("damaged") }, false);
  expect((await refusal(open().resolve("fraud", version))).code).toBe("model-refused");
  expect((await refusal(open().resolve("fraud", "000000000000"))).message).toContain(`Versions are ${version}`);
  expect((await refusal(open().aliasTarget("fraud", "champion"))).message).toContain('no alias "champion"');
});

test("keeps the alias and reads the model from the cache while the store is unavailable", async () => {
  const warnings: string[] = [];
  const registry = open(warnings);
  const { version } = await registry.publish(publication("model one"));
  await registry.setAlias("fraud", "champion", version);
  await registry.resolve("fraud", "champion");
  driver.page = () => Promise.reject(new TriplineError("store-unavailable", "The store does not answer."));
  expect((await registry.resolve("fraud", "champion")).version).toBe(version);
  expect(await registry.aliasTarget("fraud", "champion")).toBe(version);
  expect(warnings).toEqual([`The store does not answer. fraud@champion stays ${version}.`]);
});

test("finds the alias's version in the cache while the store is unavailable, however many were read since", async () => {
  const registry = open();
  const { version } = await registry.publish({ ...publication("model one"), scorecard: Buffer.from("{}") });
  await registry.setAlias("fraud", "champion", version);
  await registry.resolve("fraud", "champion");
  await registry.scorecard("fraud", version);
  for (let index = 0; index <= VERSIONS_CACHED_MAX; index += 1) {
    const other = { ...publication(`challenger ${index}`), scorecard: Buffer.from(`{"index":${index}}`) };
    await registry.scorecard("fraud", (await registry.publish(other)).version);
  }
  driver.page = () => Promise.reject(new TriplineError("store-unavailable", "The store does not answer."));
  driver.get = () => Promise.reject(new TriplineError("store-unavailable", "The store does not answer."));
  expect((await registry.resolve("fraud", "champion")).version).toBe(version);
  expect(Buffer.from((await registry.scorecard("fraud", version)) ?? []).toString()).toBe("{}");
});

test("caches a few versions, including those in use", async () => {
  const registry = open();
  const { version, modelPath } = await registry.publish(publication("model 0"));
  for (let index = 1; index <= VERSIONS_CACHED_MAX + 1; index += 1) {
    await registry.publish(publication(`model ${index}`));
    await registry.resolve("fraud", version);
  }
  const kept = await readdir(join(modelPath, "..", ".."));
  expect(kept).toHaveLength(VERSIONS_CACHED_MAX);
  expect(kept).toContain(version);
});

test("withFolder copies publications and alias moves back to the store", async () => {
  const registry = open();
  const { version: first } = await registry.publish(publication("model one"));
  await registry.setAlias("fraud", "champion", first);
  const second = await withFolder(open(), "fraud", async (url) => {
    const folder = openRegistry(url);
    expect((await folder.resolve("fraud", "champion")).version).toBe(first);
    const { version } = await folder.publish({ ...publication("model two"), scorecard: Buffer.from("{}") });
    await folder.setAlias("fraud", "challenger", version, { by: "training", why: "better" });
    return version;
  });
  expect(await registry.aliasTarget("fraud", "challenger")).toBe(second);
  expect(Buffer.from((await registry.scorecard("fraud", second)) ?? []).toString()).toBe("{}");
  expect((await registry.history("fraud")).at(-1)).toMatchObject({ by: "training", why: "better", from: null });
  // Another process was faster.
  const work = withFolder(open(), "fraud", async (url) => {
    await registry.setAlias("fraud", "challenger", first);
    await openRegistry(url).setAlias("fraud", "challenger", first);
  });
  expect((await refusal(work)).code).toBe("state-conflict");
});

test("regression #31: withFolder copies versions without an alias if they are needed", async () => {
  const registry = open();
  const { version: champion } = await registry.publish(publication("model one"));
  await registry.setAlias("fraud", "champion", champion);
  const { version: needed } = await registry.publish(publication("model two"));
  await registry.publish(publication("model three"));
  await withFolder(
    open(),
    "fraud",
    async (url) => {
      expect((await openRegistry(url).versions("fraud")).sort()).toEqual([champion, needed].sort());
    },
    (listed) => [...listed.filter(({ version }) => version === needed).map(({ version }) => version), "000000000000"],
  );
});

test(
  "works with S3",
  async () => {
    const stores = await startPythonStores();
    try {
      const { url, environment } = stores.s3.writer;
      const openHere = (name: string) =>
        openRegistry(`${url}/registry`, { ...environment, MODEL_CACHE_DIRECTORY: join(root, name) });
      const { version } = await openHere("one").publish(publication("model one"));
      await openHere("one").setAlias("fraud", "champion", version);
      expect((await openHere("other").resolve("fraud", "champion")).version).toBe(version);
      const reader = openRegistry(`${url}/registry`, { ...stores.s3.reader.environment, MODEL_CACHE_DIRECTORY: root });
      expect((await reader.resolve("fraud", "champion")).version).toBe(version);
      expect((await refusal(reader.publish(publication("model two")))).message).toContain("Allow this identity");
    } finally {
      await stores.stop();
    }
  },
  START_MS_MAX,
);
