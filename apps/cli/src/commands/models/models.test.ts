import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { RecordingRegistry } from "@tripline/model-registry/model-registry";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { ROOT } from "@tripline/system/services/workspace";
import { modelsCommand } from "./models.js";
import { retrainCommand } from "./retrain.js";

/** Real models with four features: `champion` and `challenger` differ, `wrong-input` has another width. */
const TEST_MODELS = join(ROOT, "apps", "scoring", "test-models", "generated");

let root: string;
let url: string;
let registry: RecordingRegistry;
let champion: string;
let challenger: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "tripline-models-"));
  await cp(TEST_MODELS, root, { recursive: true });
  url = pathToFileURL(root).href;
  registry = openRegistry(url);
  champion = await registry.aliasTarget("fraud", "champion");
  challenger = await registry.aliasTarget("fraud", "challenger");
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

async function run(...args: string[]): Promise<string> {
  let text = "";
  const command = modelsCommand({ write: (more) => (text += more) });
  await command.parseAsync([...args, "--registry", url], { from: "user" });
  return text;
}

const json = async (...args: string[]) => JSON.parse(await run(...args, "--json"));

test("list shows versions with their aliases, as a table and as JSON", async () => {
  const lines = (await run("list")).trimEnd().split("\n");
  const listed = await json("list");
  expect(lines).toHaveLength(listed.length + 1);
  expect(lines[0]).toMatch(/^version {2,}aliases {2,}created/);
  expect(lines.find((line) => line.startsWith(champion))).toMatch(/^\w{12} {2}champion {2,}20/);
  const { manifest } = await registry.resolve("fraud", "champion");
  expect(listed.find((item: { version: string }) => item.version === champion)).toEqual({
    version: champion,
    aliases: ["champion"],
    manifest,
  });
});

test("show describes one version, found by ID or alias, with its alias moves", async () => {
  await run("promote", "challenger", "--by", "ada", "--why", "better on March");
  const text = await run("show", champion);
  expect(text).toContain(`model         fraud ${champion}\n`);
  expect(text).toContain("aliases       none\n");
  expect(text).toMatch(new RegExp(`champion {2}${champion} -> ${challenger} .*ada {2}better on March\n$`));
  const shown = await json("show", "champion");
  expect(shown).toMatchObject({ version: challenger, aliases: ["challenger", "champion"] });
  expect(shown.features).toHaveLength(4);
  expect(shown.history).toMatchObject([{ from: champion, to: challenger, by: "ada", why: "better on March" }]);
});

test("promote moves an alias only from the expected version, and rollback restores it", async () => {
  await expect(run("promote", challenger, "--expect", challenger)).rejects.toMatchObject({ code: "state-conflict" });
  await expect(run("promote", challenger, "--expect", "none")).rejects.toMatchObject({ code: "state-conflict" });
  expect(await registry.aliasTarget("fraud", "champion")).toBe(champion);
  const text = await run("promote", challenger, "--alias", "champion", "--expect", champion, "--by", "ada");
  expect(text).toBe(`champion of fraud: ${champion} -> ${challenger} by ada\n`);
  expect(await registry.aliasTarget("fraud", "champion")).toBe(challenger);
  await expect(run("rollback", "--expect", champion)).rejects.toMatchObject({ code: "state-conflict" });
  const back = await json("rollback", "--why", "too many challenges");
  expect(back).toMatchObject({ from: challenger, to: champion, is_rollback: true, why: "too many challenges" });
  expect(await registry.aliasTarget("fraud", "champion")).toBe(champion);
  await expect(run("rollback", "--alias", "shadow")).rejects.toMatchObject({ code: "model-not-found" });
});

describe("diff", () => {
  test("scores the golden batches of both versions with both models", async () => {
    const diff = await json("diff", "champion", "challenger");
    const [a, b] = [await registry.resolve("fraud", "champion"), await registry.resolve("fraud", "challenger")];
    const same = { spec_versions: [1, 1], only_a: [], only_b: [], reordered: false };
    expect(diff.features).toEqual({ ...same, used_only_a: [], used_only_b: [] });
    expect(diff.golden.rows).toBe(a.golden.inputs.length + b.golden.inputs.length);
    // For rows in both batches, the trainer's own outputs give the difference between the models.
    const shared = a.golden.inputs.flatMap((row, index) => {
      const other = b.golden.inputs.findIndex((one) => one.join() === row.join());
      return other === -1 ? [] : [Math.abs((a.golden.outputs[index] ?? 0) - (b.golden.outputs[other] ?? 0))];
    });
    expect(shared.length).toBeGreaterThan(0);
    expect(diff.golden.max_difference).toBeGreaterThanOrEqual(Math.max(...shared) - 1e-5);
    expect(Math.abs(diff.golden.worst.a - diff.golden.worst.b)).toBeCloseTo(diff.golden.max_difference, 6);
    expect(await run("diff", "champion", "challenger")).toContain(`fraud: ${champion} and ${challenger}\n`);
  });

  test("is empty for a version and itself", async () => {
    const diff = await json("diff", "champion", champion);
    expect(diff).toMatchObject({ params: [], metrics: [], data: [], golden: { max_difference: 0 } });
    expect((await run("diff", "champion", champion)).match(/the same\n/g)).toHaveLength(3);
  });

  test("lists what only one version has, and compares no scores if the features differ", async () => {
    const { manifest, golden, modelBytes } = await registry.resolve("fraud", "champion");
    const { name: _name, version: _version, files: _files, ...facts } = manifest;
    const features = [...manifest.features.slice(0, 3), "other"];
    const metrics = { valid: { auc_roc: 0.5, rows: 7 } };
    // An additional byte at the end results in a new version.
    const bytes = Buffer.concat([modelBytes, Buffer.from([0x72, 0x00])]);
    const changes = { ...facts, features, metrics, feature_spec_version: 2 };
    const other = await registry.publish({ name: "fraud", modelBytes: bytes, golden, manifest: changes });
    const diff = await json("diff", "champion", other.version);
    expect(diff).toMatchObject({
      features: { spec_versions: [1, 2], only_a: [manifest.features[3]], only_b: ["other"] },
      golden: null,
    });
    expect(diff.metrics).toContainEqual({ name: "valid.auc_roc", b: 0.5 });
    expect(await run("diff", "champion", other.version)).toContain("not compared  the features differ");
  });
});

test("regression #31: retrain --follow rejects a candidate", async () => {
  const command = retrainCommand()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  const given = ["--lake", root, "--registry", url, "--follow", "--candidate", challenger];
  await expect(command.parseAsync(given, { from: "user" })).rejects.toThrow(
    "option '--follow' cannot be used with option '--candidate <version>'",
  );
});
