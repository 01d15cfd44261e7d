import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { keepBytecode, provisionPython } from "@tripline/local-stack/provision/provision-python";
import { ModelCache } from "../model-cache.js";
import { versionOf } from "../model-manifest.js";
import type { Publication, RecordingRegistry } from "../model-registry.js";
import type { RegistryEnvironment } from "../open-registry.js";
import { openRegistry } from "../open-registry.js";
import { rollBackAlias } from "../roll-back-alias.js";
import type { FaultProxy, RunningMlflow } from "../testing/mlflow.js";
import { ROOT, startFaultProxy, startMlflow } from "../testing/mlflow.js";
import { publication, refusal } from "../testing/publications.js";
import { MlflowClient } from "./client.js";
import { MlflowRegistry } from "./registry.js";

let mlflow: RunningMlflow;
let proxy: FaultProxy;
let folder: string;
let registry: RecordingRegistry;
/** Each test has its own model. */
let name: string;
let count = 0;

beforeAll(async () => {
  mlflow = await startMlflow(process.env);
}, 600_000);

afterAll(() => mlflow?.stop());

beforeEach(async () => {
  proxy = await startFaultProxy(mlflow.url);
  folder = await mkdtemp(join(tmpdir(), "tripline-cache-"));
  name = nextName();
  registry = open();
});

afterEach(async () => {
  await proxy.close();
  await rm(folder, { recursive: true, force: true });
});

function nextName(): string {
  count += 1;
  return `model-${count}`;
}

/** The same server through the proxy, by default with this test's cache. */
function open(environment: RegistryEnvironment = {}): RecordingRegistry {
  return openRegistry(`mlflow+${proxy.url}`, { MODEL_CACHE_DIRECTORY: join(folder, "cache"), ...environment });
}

function elsewhere(): RecordingRegistry {
  return open({ MODEL_CACHE_DIRECTORY: join(folder, "elsewhere") });
}

function own(content: string, changes: Partial<Publication["manifest"]> = {}): Publication {
  return { ...publication(content, changes), name };
}

/** MLflow's own answer. */
async function sendRequest(path: string, query: Record<string, string>) {
  const response = await fetch(`${mlflow.url}/api/2.0/mlflow/${path}?${new URLSearchParams(query)}`);
  return JSON.parse(await response.text());
}

async function tell(path: string, body: unknown): Promise<void> {
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(`${mlflow.url}/api/2.0/mlflow/${path}`, init);
  if (!response.ok) throw new Error(await response.text());
}

const versionsIn = async (): Promise<{ version: string; run_id: string; source: string }[]> =>
  (await sendRequest("model-versions/search", { filter: `name='${name}'` })).model_versions ?? [];

describe("publish", () => {
  test("creates a version that resolves with everything published", async () => {
    const given = own("model one");
    const published = await registry.publish(given);
    expect(published.version).toBe(versionOf(Buffer.from("model one")));
    const resolved = await elsewhere().resolve(name, published.version);
    expect(Buffer.from(resolved.modelBytes).toString()).toBe("model one");
    expect(resolved.golden).toEqual(given.golden);
    expect(resolved.manifest).toEqual({
      ...given.manifest,
      name,
      version: published.version,
      files: expect.anything(),
    });
    expect(await registry.versions(name)).toEqual([published.version]);
    expect(await registry.models()).toContain(name);
  });

  test("adds a run with parameters, metrics and files, and tags on the version, for MLflow's UI", async () => {
    const lineage = {
      data_sha256: "ab".repeat(32),
      commit: "c0ffee",
      trained_at: "2026-01-01T00:00:00Z",
      params: { trees: 200, eta: { first: 0.05 } },
      data_from: "2025-01-01T00:00:00Z",
    };
    await registry.publish(own("model one", { lineage, metrics: { valid: { auc_roc: 0.97, name: "March" } } }));
    const [version] = await versionsIn();
    const { run } = await sendRequest("runs/get", { run_id: version?.run_id ?? "" });
    expect(run.info.status).toBe("FINISHED");
    expect(run.data.params).toEqual(
      expect.arrayContaining([
        { key: "trees", value: "200" },
        { key: "eta.first", value: "0.05" },
      ]),
    );
    expect(run.data.metrics).toMatchObject([{ key: "valid.auc_roc", value: 0.97 }]);
    expect(run.data.tags).toContainEqual({ key: "mlflow.source.git.commit", value: "c0ffee" });
    const files = await readdir(join(mlflow.artifacts, run.info.experiment_id, run.info.run_id, "artifacts", "model"));
    const ofMlflow = ["MLmodel", "input_example.json", "python_env.yaml", "requirements.txt"];
    expect(files.sort()).toEqual([...ofMlflow, "golden.json", "model.json", "model.onnx"].sort());
    expect(version).toMatchObject({
      tags: expect.arrayContaining([
        { key: "tripline.commit", value: "c0ffee" },
        { key: "tripline.data_from", value: "2025-01-01T00:00:00Z" },
        { key: "tripline.data_sha256", value: "ab".repeat(32) },
        { key: "tripline.feature_spec_version", value: "1" },
      ]),
    });
  });

  test("changes nothing for an existing version, and rejects the same model with different features", async () => {
    await registry.publish(own("model one"));
    const again = await elsewhere().publish(own("model one", { created_at: "2026-02-02T00:00:00Z" }));
    expect(again.manifest.created_at).toBe("2026-01-01T00:00:00Z");
    expect(await versionsIn()).toHaveLength(1);
    const error = await refusal(registry.publish(own("model one", { features: ["amount", "other"] })));
    expect(error.code).toBe("model-refused");
    expect(error.message).toContain('already published with a different "features"');
  });

  test("leaves one version after several concurrent publications of the same model", async () => {
    const results = await Promise.all(Array.from({ length: 4 }, () => registry.publish(own("model one"))));
    expect(new Set(results.map((result) => result.version)).size).toBe(1);
    expect(await versionsIn()).toHaveLength(1);
    await elsewhere().resolve(name, versionOf(Buffer.from("model one")));
  });

  test("retries registering its data if another publisher registers the same data concurrently", async () => {
    // MLflow rejects the later one: (sqlite3.IntegrityError) UNIQUE constraint failed. The fifth call logs the inputs.
    proxy.failures.push(0, 0, 0, 0, 400);
    await registry.publish(own("model one"));
    expect(proxy.failures).toEqual([]);
    const [version] = await versionsIn();
    const { run } = await sendRequest("runs/get", { run_id: version?.run_id ?? "" });
    expect(run.inputs.dataset_inputs).toMatchObject([{ dataset: { digest: "0".repeat(36) } }]);
  });

  test("leaves no visible version if its process dies before it is complete", async () => {
    const before = proxy.requests;
    await registry.publish(own("measured"));
    const requests = proxy.requests - before;
    // The version appears in one of the last calls, before it is read back; until then there is none.
    for (const step of [5, 9]) {
      name = nextName();
      const failing = own(`dies at ${step}`);
      proxy.failures.push(...Array.from({ length: step }, () => 0), ...[503, 503, 503]);
      await refusal(registry.publish(failing));
      expect(proxy.failures).toEqual([]);
      expect(await versionsIn()).toEqual([]);
      expect((await refusal(registry.resolve(name, versionOf(failing.modelBytes)))).code).toBe("model-not-found");
      await registry.publish(failing);
    }
    expect(requests).toBeGreaterThan(8);
  });
});

describe("resolve", () => {
  test.each<[string, (artifacts: string) => Promise<void>, string]>([
    [
      "a changed model",
      (artifacts) => writeFile(join(artifacts, "model.onnx"), "model onf"),
      "model.onnx differs from the published file",
    ],
    [
      "a changed golden batch",
      (artifacts) => writeFile(join(artifacts, "golden.json"), "{}"),
      "golden.json differs from the",
    ],
    ["a missing model", (artifacts) => rm(join(artifacts, "model.onnx")), "model.onnx is missing in MLflow"],
  ])("rejects %s, and caches nothing of it", async (_case, damage, reason) => {
    const { version } = await registry.publish(own("model one"));
    const [entry] = await versionsIn();
    await damage(join(mlflow.artifacts, (entry?.source ?? "").replace("mlflow-artifacts:/", "")));
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const error = await refusal(elsewhere().resolve(name, version));
      expect(error.code).toBe("model-refused");
      expect(error.message).toContain(reason);
    }
    // A reader that already has the version has the right one.
    expect(Buffer.from((await registry.resolve(name, version)).modelBytes).toString()).toBe("model one");
  });

  test("lists existing names if the model, version or alias does not exist", async () => {
    expect((await refusal(registry.resolve(name, "champion"))).message).toMatch(`There is no model ${name}. `);
    const { version } = await registry.publish(own("model one"));
    await registry.setAlias(name, "champion", version);
    for (const [asked, sentence] of [
      ["challenger", `Model ${name} has no alias "challenger". Aliases are champion.`],
      ["000000000000", `Model ${name} has no version 000000000000. Versions are ${version}.`],
    ] as const) {
      const error = await refusal(registry.resolve(name, asked));
      expect([error.code, error.message]).toEqual(["model-not-found", sentence]);
    }
    expect((await refusal(registry.resolve("../other", "champion"))).code).toBe("invalid-field");
  });

  test("rejects an alias of a version that another program published, and does not list such versions", async () => {
    const { version } = await registry.publish(own("model one"));
    await tell("model-versions/create", { name, source: "s3://bucket/model" });
    await tell("registered-models/alias", { name, alias: "champion", version: "2" });
    const error = await refusal(registry.resolve(name, "champion"));
    expect(error.code).toBe("model-refused");
    expect(error.message).toContain("points to MLflow version 2, which Tripline did not publish");
    expect(await registry.versions(name)).toEqual([version]);
  });
});

describe("aliases", () => {
  test("move with a record of who and why, compare the expected version, and roll back", async () => {
    const versions: string[] = [];
    for (const text of ["one", "two", "three"]) versions.push((await registry.publish(own(text))).version);
    const [one = "", two = "", three = ""] = versions;
    await registry.setAlias(name, "champion", one, { expect: null, by: "ada" });
    expect((await refusal(registry.setAlias(name, "champion", two, { expect: three }))).code).toBe("state-conflict");
    await registry.setAlias(name, "champion", two, { expect: one, by: "ada", why: "better on March" });
    await registry.setAlias(name, "shadow", two);
    expect(await registry.aliasTarget(name, "champion")).toBe(two);
    expect((await registry.history(name)).slice(0, 2)).toMatchObject([
      { alias: "champion", from: null, to: one, by: "ada" },
      { alias: "champion", from: one, to: two, by: "ada", why: "better on March" },
    ]);
    expect((await registry.list(name)).map((item) => [item.version, [...item.aliases].sort()])).toEqual([
      [one, []],
      [two, ["champion", "shadow"]],
      [three, []],
    ]);
    // The alias is moved in MLflow's user interface, bypassing this registry. A rollback still restores its previous
    // version.
    await tell("registered-models/alias", { name, alias: "champion", version: "3" });
    expect(await rollBackAlias(registry, name, "champion")).toMatchObject({ from: three, to: two, is_rollback: true });
    expect((await rollBackAlias(registry, name, "champion")).to).toBe(one);
    expect((await refusal(registry.setAlias(name, "champion", "000000000000"))).code).toBe("model-not-found");
  });
});

describe("the MLflow client", () => {
  test("uses the cache while the server is unavailable, with one warning", async () => {
    const { version } = await registry.publish(own("model one"));
    await registry.setAlias(name, "champion", version);
    const { directory } = await registry.resolve(name, "champion");
    proxy.isDown = true;
    const warnings: string[] = [];
    // A service that starts now has only the folder.
    const cache = new ModelCache(dirname(dirname(dirname(dirname(directory)))));
    const client = new MlflowClient({ url: proxy.url });
    const restarted = new MlflowRegistry(client, cache, (sentence) => void warnings.push(sentence));
    expect(await restarted.aliasTarget(name, "champion")).toBe(version);
    expect(await restarted.aliasTarget(name, "champion")).toBe(version);
    expect(Buffer.from((await restarted.resolve(name, "champion")).modelBytes).toString()).toBe("model one");
    expect(warnings).toEqual([expect.stringMatching(`cannot be reached: .+\\. ${name}@champion stays ${version}\\.$`)]);
    // Writes, and reads of uncached data, fail while the server is unavailable.
    for (const work of [
      restarted.setAlias(name, "champion", version),
      restarted.aliasTarget(name, "challenger"),
      restarted.list(name),
    ]) {
      const error = await refusal(work);
      expect(error.code).toBe("internal");
      expect(error.message).toMatch(/^MLflow at http:\/\/127\.0\.0\.1:\d+ cannot be reached: .+\.$/);
    }
    proxy.isDown = false;
    const { version: next } = await registry.publish(own("model two"));
    await registry.setAlias(name, "champion", next);
    expect(await restarted.aliasTarget(name, "champion")).toBe(next);
  });

  test("loads a scorecard without its model, and from the cache while the server is unavailable", async () => {
    const one = await registry.publish({ ...own("model one"), scorecard: Buffer.from("{}") });
    const two = await registry.publish(own("model two"));
    const reader = elsewhere();
    expect(await reader.scorecard(name, two.version)).toBeUndefined();
    const read = async (): Promise<string> =>
      Buffer.from((await reader.scorecard(name, one.version)) ?? []).toString("utf8");
    expect(await read()).toBe("{}");
    const cache = join(folder, "elsewhere");
    const kept = (await readdir(cache, { recursive: true })).filter((path) => /\.(json|onnx)$/.test(path));
    expect(kept.map((path) => basename(path)).sort()).toEqual(["model.json", "scorecard.json"]);
    proxy.isDown = true;
    expect(await read()).toBe("{}");
    proxy.isDown = false;
    const [damaged = ""] = kept.filter((path) => path.endsWith("scorecard.json"));
    await writeFile(join(cache, damaged), "[]");
    expect(await read()).toBe("{}");
    expect(Buffer.from((await reader.resolve(name, one.version)).modelBytes).toString()).toBe("model one");
  });

  // `store-registry.test.ts` fills the cache until it drops versions.
  test("verifies and repairs the cache", async () => {
    const { version, modelPath } = await registry.publish(own("model 0"));
    await writeFile(modelPath, "damaged");
    expect(Buffer.from((await registry.resolve(name, version)).modelBytes).toString()).toBe("model 0");
    expect(await readFile(modelPath, "utf8")).toBe("model 0");
  });

  test.each([
    [{ MLFLOW_TRACKING_TOKEN: "secret" }, "Bearer secret"],
    [{ MLFLOW_TRACKING_USERNAME: "ada", MLFLOW_TRACKING_PASSWORD: "secret" }, "Basic YWRhOnNlY3JldA=="],
    [{}, undefined],
  ])("sends credentials %o, and puts them into no message", async (environment, header) => {
    const asking = open(environment);
    await asking.models();
    expect(new Set(proxy.authorizations)).toEqual(new Set([header]));
    proxy.failures.push(401);
    const error = await refusal(asking.models());
    expect(error.code).toBe("config-invalid");
    expect(error.message).toContain("rejects these credentials (401): set MLFLOW_TRACKING_TOKEN");
    expect(error.message).not.toContain("secret");
  });

  test("retries a temporary fault three times at most", async () => {
    await registry.models();
    const before = proxy.requests;
    proxy.failures.push(503, 429);
    await registry.models();
    expect(proxy.requests - before).toBe(3);
    proxy.failures.push(502, 502, 502, 502);
    expect((await refusal(registry.models())).message).toContain("cannot process");
    expect(proxy.failures).toHaveLength(1);
  });
});

test("reads in TypeScript what Python publishes, and vice versa", async () => {
  const requirementsFile = `${ROOT}/training/requirements/training.txt`;
  const { python } = await provisionPython({ name: "training", requirementsFile, root: ROOT });
  const { version } = await registry.publish(own("from TypeScript"));
  await registry.setAlias(name, "champion", version, { by: "ada" });
  const { manifest, golden } = publication("");
  const program = `
import json, sys
from tripline_training.registry import registry
from tripline_training.errors import TrainingError
url, name, facts, golden, first = sys.argv[1:]
store = registry.registry_root(url)
read = registry.resolve(store, name, "champion")
files = {"model.onnx": b"from Python", "golden.json": golden.encode(), "booster.json": b"{}", "scorecard.json": b"[]"}
version, where = registry.publish(store, name, files, json.loads(facts))
again, _ = registry.publish(store, name, files, json.loads(facts))
assert again == version
try:
    registry.set_alias(store, name, "champion", version, registry.MoveOptions(expect=version))
except TrainingError as error:
    refused = str(error)
registry.set_alias(store, name, "champion", version, registry.MoveOptions(expect=first, by="retraining", why="better"))
moves = [move.as_json() for move in registry.history(store, name)]
print(json.dumps({"read": read.model.decode(), "version": version, "refused": refused, "moves": moves, "where": where}))
`;
  const args = ["-c", program, `mlflow+${proxy.url}`, name, JSON.stringify(manifest), JSON.stringify(golden), version];
  const env = { ...process.env, ...keepBytecode(python), PYTHONPATH: `${ROOT}/training` };
  const { stdout } = await promisify(execFile)(python, args, { env, timeout: 60_000 });
  const said = JSON.parse(stdout);
  expect(said.read).toBe("from TypeScript");
  expect(said.refused).toContain("another user moved it");
  expect(await registry.aliasTarget(name, "champion")).toBe(said.version);
  const resolved = await registry.resolve(name, "champion");
  expect(Buffer.from(resolved.modelBytes).toString()).toBe("from Python");
  expect(resolved.manifest).toMatchObject({ ...manifest, files: { "booster.json": expect.any(String) } });
  expect(Buffer.from((await registry.scorecard(name, said.version)) ?? []).toString()).toBe("[]");
  expect(await registry.history(name)).toEqual(said.moves);
  expect(said.moves).toMatchObject([
    { by: "ada" },
    { from: version, to: said.version, by: "retraining", why: "better" },
  ]);
  expect(said.where).toBe(`${proxy.url}/#/models/${name}/versions/2`);
  expect((await rollBackAlias(registry, name, "champion")).to).toBe(version);
});
