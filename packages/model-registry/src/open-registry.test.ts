import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { versionOf } from "./model-manifest.js";
import type { ModelRegistry, Publication } from "./model-registry.js";
import { openRegistry } from "./open-registry.js";
import { publication, refusal } from "./testing/publications.js";

let root: string;
let registry: ModelRegistry;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "tripline-registry-"));
  registry = openRegistry(pathToFileURL(root).href);
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

function pathOf(version: string, file: string): string {
  return join(root, "models", "fraud", "versions", version, file);
}

describe("publish", () => {
  test("creates a version named by its content, which resolves with everything published", async () => {
    const published = await registry.publish(publication("model one"));
    expect(published.version).toBe(versionOf(Buffer.from("model one")));
    const resolved = await registry.resolve("fraud", published.version);
    expect(Buffer.from(resolved.modelBytes).toString()).toBe("model one");
    expect(await readFile(resolved.modelPath, "utf8")).toBe("model one");
    expect(resolved.golden).toEqual({ inputs: [[1, 2.5]], outputs: [0.25] });
    expect(resolved.manifest.metrics).toEqual({ average_precision: 0.7 });
    expect(await registry.models()).toEqual(["fraud"]);
  });

  test("changes nothing for an existing version", async () => {
    const first = await registry.publish(publication("model one"));
    const before = await stat(pathOf(first.version, "model.json"));
    const second = await registry.publish(publication("model one", { created_at: "2026-02-02T00:00:00Z" }));
    expect(second.version).toBe(first.version);
    expect(second.manifest.created_at).toBe("2026-01-01T00:00:00Z");
    expect((await stat(pathOf(first.version, "model.json"))).mtimeMs).toBe(before.mtimeMs);
    expect(await registry.versions("fraud")).toEqual([first.version]);
  });

  test("rejects the same model with different features", async () => {
    await registry.publish(publication("model one"));
    const error = await refusal(registry.publish(publication("model one", { features: ["card_count_1d", "amount"] })));
    expect(error.code).toBe("model-refused");
    expect(error.message).toContain('a different "features"');
  });

  test.each<[string, Publication, string]>([
    ["too few features", publication("x", { features: ["amount"] }), "features"],
    ["a duplicate feature", publication("x", { features: ["amount", "amount"] }), "twice"],
    ["an invalid date", publication("x", { created_at: "yesterday" }), "created_at"],
    ["an empty golden batch", { ...publication("x"), golden: { inputs: [], outputs: [] } }, "inputs"],
    [
      "a golden batch with an extra output",
      { ...publication("x"), golden: { inputs: [[1, 2]], outputs: [1, 2] } },
      "outputs",
    ],
    ["a golden row of another width", { ...publication("x"), golden: { inputs: [[1]], outputs: [1] } }, "2 columns"],
    [
      "NaN in the golden batch",
      { ...publication("x"), golden: { inputs: [[1, Number.NaN]], outputs: [1] } },
      "inputs.0.1",
    ],
  ])("rejects %s and leaves nothing behind", async (_case, bad, reason) => {
    const error = await refusal(registry.publish(bad));
    expect(error.code).toBe("model-refused");
    expect(error.message).toContain(reason);
    expect(await registry.versions("fraud")).toEqual([]);
  });

  test("leaves complete versions and no temporary directory after concurrent publications", async () => {
    const contents = ["a", "b", "c", "d"];
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, index) => registry.publish(publication(contents[index % 4] ?? ""))),
    );
    expect(new Set(results.map((result) => result.version)).size).toBe(4);
    const entries = await readdir(join(root, "models", "fraud", "versions"));
    expect(entries.sort()).toEqual(contents.map((content) => versionOf(Buffer.from(content))).sort());
  });

  test("never exposes a partial version to other threads", async () => {
    const large = "m".repeat(400_000);
    const source = `
      const { workerData, parentPort } = require("node:worker_threads");
      import(workerData.module).then(async ({ openRegistry }) => {
        const registry = openRegistry(workerData.url);
        for (const one of workerData.publications) await registry.publish(one);
        parentPort.postMessage("done");
      });`;
    const publications = Array.from({ length: 12 }, (_, index) => publication(`${index} ${large}`));
    const writers = Array.from({ length: 3 }, () => {
      const workerData = {
        module: new URL("./open-registry.js", import.meta.url).href,
        url: pathToFileURL(root).href,
        publications,
      };
      const worker = new Worker(source, { eval: true, workerData });
      return new Promise<void>((resolve, reject) => {
        worker.on("message", () => resolve());
        worker.on("error", reject);
      });
    });
    let writing = true;
    const done = Promise.all(writers).finally(() => {
      writing = false;
    });
    let seen = 0;
    while (writing) {
      for (const version of await registry.versions("fraud")) {
        await registry.resolve("fraud", version);
        seen += 1;
      }
    }
    await done;
    expect(seen).toBeGreaterThan(0);
    expect(await registry.versions("fraud")).toHaveLength(12);
  });

  test("ignores files left by a killed writer, and deletes them after an hour", async () => {
    const versions = join(root, "models", "fraud", "versions");
    for (const name of [".tmp-old", ".tmp-new"]) {
      await mkdir(join(versions, name), { recursive: true });
      await writeFile(join(versions, name, "model.onnx"), "half");
    }
    const long = new Date(Date.now() - 7_200_000);
    await utimes(join(versions, ".tmp-old"), long, long);
    expect(await registry.versions("fraud")).toEqual([]);
    const { version } = await registry.publish(publication("model one"));
    expect((await readdir(versions)).sort()).toEqual([".tmp-new", version].sort());
  });
});

describe("resolve", () => {
  test("lists existing names if the model, version or alias does not exist", async () => {
    expect((await refusal(registry.resolve("fraud", "champion"))).message).toBe(
      "There is no model fraud. None exist so far.",
    );
    const { version } = await registry.publish(publication("model one"));
    await registry.setAlias("fraud", "champion", version);
    for (const [asked, sentence] of [
      ["challenger", 'Model fraud has no alias "challenger". Aliases are champion.'],
      ["000000000000", `Model fraud has no version 000000000000. Versions are ${version}.`],
    ] as const) {
      const error = await refusal(registry.resolve("fraud", asked));
      expect(error.code).toBe("model-not-found");
      expect(error.message).toBe(sentence);
    }
    expect((await refusal(registry.resolve("other", "champion"))).message).toBe(
      "There is no model other. Models are fraud.",
    );
  });

  test("reports an alias of a missing version", async () => {
    const { version } = await registry.publish(publication("model one"));
    await registry.setAlias("fraud", "champion", version);
    await registry.publish(publication("model two"));
    await rm(join(root, "models", "fraud", "versions", version), { recursive: true });
    const error = await refusal(registry.resolve("fraud", "champion"));
    expect(error.code).toBe("model-not-found");
    expect(error.message).toContain(`The alias "champion" of model fraud points to a missing version: ${version}.`);
    expect(error.message).toContain(versionOf(Buffer.from("model two")));
  });

  test.each<[string, (version: string) => Promise<void>, string]>([
    [
      "a changed model",
      (version) => writeFile(pathOf(version, "model.onnx"), "model onf"),
      "model.onnx differs from the published file",
    ],
    [
      "a truncated model",
      (version) => truncate(pathOf(version, "model.onnx"), 3),
      "model.onnx differs from the published file",
    ],
    [
      "a changed golden batch",
      (version) => writeFile(pathOf(version, "golden.json"), "{}"),
      "golden.json differs from the published file",
    ],
    ["a truncated manifest", (version) => truncate(pathOf(version, "model.json"), 40), "model.json is not valid JSON"],
    ["an empty manifest", (version) => truncate(pathOf(version, "model.json"), 0), "model.json is not valid JSON"],
    [
      "a manifest of another shape",
      (version) => writeFile(pathOf(version, "model.json"), '{"name":"fraud"}'),
      "version",
    ],
    ["a missing model", (version) => rm(pathOf(version, "model.onnx")), "model.onnx is missing"],
    ["a missing manifest", (version) => rm(pathOf(version, "model.json")), "model.json is missing"],
    ["a missing golden batch", (version) => rm(pathOf(version, "golden.json")), "golden.json is missing"],
  ])("rejects %s, which the listing shows or skips", async (_case, damage, reason) => {
    const { version } = await registry.publish(publication("model one"));
    await damage(version);
    const error = await refusal(registry.resolve("fraud", version));
    expect(error.code).toBe("model-refused");
    expect(error.message).toContain(reason);
    const [listed] = await registry.list("fraud");
    expect(listed?.version).toBe(version);
    expect((await refusal(registry.setAlias("fraud", "champion", version))).code).toBe("model-refused");
  });

  test("returns the verified tensor twin of a version, if it has one", async () => {
    const { version } = await registry.publish({ ...publication("model one"), twinBytes: Buffer.from("twin") });
    expect(Buffer.from((await registry.resolve("fraud", version)).twinBytes ?? []).toString()).toBe("twin");
    await writeFile(pathOf(version, "twin.onnx"), "other");
    expect((await refusal(registry.resolve("fraud", version))).message).toContain(
      "twin.onnx differs from the published file",
    );
    await rm(pathOf(version, "twin.onnx"));
    expect((await refusal(registry.resolve("fraud", version))).message).toContain("twin.onnx is missing");
    const without = await registry.publish(publication("model two"));
    expect((await registry.resolve("fraud", without.version)).twinBytes).toBeUndefined();
  });

  test("returns the verified scorecard of a version, if it has one", async () => {
    const { version } = await registry.publish({ ...publication("model one"), scorecard: Buffer.from("{}") });
    expect(Buffer.from((await registry.scorecard("fraud", version)) ?? []).toString()).toBe("{}");
    expect((await registry.resolve("fraud", version)).manifest.files["scorecard.json"]).toMatch(/^44136fa355b3/);
    await writeFile(pathOf(version, "scorecard.json"), "[]");
    expect((await refusal(registry.scorecard("fraud", version))).message).toContain(
      "scorecard.json differs from the published file",
    );
    await rm(pathOf(version, "scorecard.json"));
    expect((await refusal(registry.scorecard("fraud", version))).message).toContain("scorecard.json is missing");
    const without = await registry.publish(publication("model two"));
    expect(await registry.scorecard("fraud", without.version)).toBeUndefined();
    expect((await refusal(registry.scorecard("fraud", "0123456789ab"))).code).toBe("model-not-found");
  });

  test("rejects a manifest of a different version", async () => {
    const one = await registry.publish(publication("model one"));
    const two = await registry.publish(publication("model two"));
    await writeFile(pathOf(two.version, "model.json"), await readFile(pathOf(one.version, "model.json")));
    expect((await refusal(registry.resolve("fraud", two.version))).message).toContain("belongs to fraud");
  });

  test.each(["../other", "", "Fraud", "a/b", ".", "models\0"])("rejects %j as a name", async (name) => {
    expect((await refusal(registry.resolve(name, "champion"))).code).toBe("invalid-field");
    expect((await refusal(registry.resolve("fraud", name))).code).toBe("invalid-field");
    expect((await refusal(registry.publish({ ...publication("x"), name }))).code).toBe("invalid-field");
  });
});

describe("aliases", () => {
  test("move atomically and are listed with their versions, starting with the oldest", async () => {
    const old = await registry.publish(publication("model one", { created_at: "2026-01-01T00:00:00Z" }));
    const young = await registry.publish(publication("model two", { created_at: "2026-03-01T00:00:00Z" }));
    await registry.setAlias("fraud", "champion", old.version);
    await registry.setAlias("fraud", "challenger", young.version);
    expect(await registry.aliasTarget("fraud", "champion")).toBe(old.version);
    await registry.setAlias("fraud", "champion", young.version);
    expect((await registry.resolve("fraud", "champion")).version).toBe(young.version);
    const listed = await registry.list("fraud");
    expect(listed.map((item) => [item.version, [...item.aliases].sort()])).toEqual([
      [old.version, []],
      [young.version, ["challenger", "champion"]],
    ]);
  });

  test("cannot point to a missing version or look like a version", async () => {
    await registry.publish(publication("model one"));
    expect((await refusal(registry.setAlias("fraud", "champion", "000000000000"))).code).toBe("model-not-found");
    expect((await refusal(registry.setAlias("fraud", "abcdefabcdef", "000000000000"))).code).toBe("invalid-field");
    expect((await refusal(registry.setAlias("fraud", "champion", "latest"))).code).toBe("invalid-field");
    expect((await refusal(registry.aliasTarget("fraud", "champion"))).code).toBe("model-not-found");
  });

  test("are rejected if they point to no version", async () => {
    const { version } = await registry.publish(publication("model one"));
    await registry.setAlias("fraud", "champion", version);
    await writeFile(join(root, "models", "fraud", "aliases", "champion"), "");
    expect((await refusal(registry.resolve("fraud", "champion"))).code).toBe("model-refused");
  });
});

describe("openRegistry", () => {
  test.each(["models", "http://registry.example/", "file://host/models", "mlflow+ftp://host"])("rejects %s", (url) => {
    let thrown: unknown;
    try {
      openRegistry(url);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: "config-invalid" });
  });

  test("reports an unusable store as an internal error, not as empty", async () => {
    await mkdir(join(root, "models", "fraud", "aliases", "champion"), { recursive: true });
    expect((await refusal(registry.aliasTarget("fraud", "champion"))).code).toBe("internal");
  });
});
