import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { parseScorecard } from "@tripline/decision-engine/parse-scorecard";
import { DEMO_SIMULATION, trainDemoModel } from "@tripline/model-loop/demo-model/train-demo-model";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { StepLog } from "@tripline/system/step-log";
import { trainCommand } from "./train.js";

describe("trainDemoModel", () => {
  let root: string;
  const steps = () => new StepLog();
  const simulation = { ...DEMO_SIMULATION, cards: 200, terminals: 150 };

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "tripline-train-"));
  });

  afterAll(async () => {
    await rm(root, { recursive: true, force: true });
  });

  test("trains a champion that the registry accepts, and uses the cache the next time", async () => {
    const options = { root, secretsFile: join(root, "secrets.json"), simulation, days: 45 };
    const log = steps();
    const trained = await trainDemoModel({ ...options, steps: log });
    expect(trained.fromCache).toBe(false);
    expect(log.steps.map((step) => step.name)).toEqual([
      "simulate 45 days of 200 cards",
      "compute features and window state",
      "install Python packages",
      "train, check and publish the model",
    ]);
    const champion = await openRegistry(trained.registryUrl).resolve("fraud", "champion");
    const spec = currentFeatureSpec();
    expect(champion.version).toBe(trained.version);
    expect(champion.manifest.features).toEqual(spec.features.map((feature) => feature.name));
    expect(champion.manifest.feature_spec_version).toBe(spec.version);
    // regression #24: compose and the chart do not materialise the profiles used in training.
    const profiles = spec.features.flatMap(({ kind, name }) => (kind === "profile" ? [name] : []));
    const { used_features: used = [], metrics } = champion.manifest;
    expect(used.length).toBeGreaterThan(20);
    expect(used.filter((name) => profiles.includes(name))).toEqual([]);
    expect(metrics).toMatchObject({ selection: { constant_online: profiles } });
    expect(champion.golden.inputs).toHaveLength(256);
    expect(champion.manifest.metrics).toMatchObject({ valid: { auc_roc: expect.any(Number) } });
    expect((await stat(trained.statePath)).size).toBeGreaterThan(10_000);
    const card = await openRegistry(trained.registryUrl).scorecard("fraud", trained.version);
    expect(parseScorecard(Buffer.from(card ?? []).toString(), spec)).toMatchObject({ specVersion: spec.version });
    expect(trained.historyEndMs).toBe(simulation.startMs + 45 * 86_400_000);

    const again = await trainDemoModel({ ...options, steps: steps() });
    expect(again).toEqual({ ...trained, fromCache: true });

    // This would simulate another history, but there is already a champion.
    await trainCommand().parseAsync(["--unless-published", "--root", root, "--days", "60"], { from: "user" });
    expect(await readdir(join(root, ".tripline", "data"))).toHaveLength(1);

    // A cache without its model is ignored; the same data gives the same version again.
    await rm(join(root, ".tripline", "registry"), { recursive: true });
    const repaired = await trainDemoModel({ ...options, steps: steps() });
    expect(repaired).toEqual(trained);
    expect(await readdir(join(root, ".tripline", "data"))).toHaveLength(1);
  }, 300_000);
});
