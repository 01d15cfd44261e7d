import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { RecordingRegistry } from "@tripline/model-registry/model-registry";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { createLogger } from "@tripline/telemetry/logger";
import { DecisionMetrics } from "../decision-metrics.js";
import { ChampionScorecard } from "./champion-scorecard.js";

const SPEC = currentFeatureSpec();
const cardOf = (intercept: number, specVersion = SPEC.version): string =>
  JSON.stringify({
    format: "tripline-scorecard",
    format_version: 1,
    feature_spec_version: specVersion,
    intercept,
    features: [{ name: "amount", edges: [100], weights: [-5, 5] }],
  });

describe("ChampionScorecard", () => {
  let folder: string;
  let root: string;
  let registry: RecordingRegistry;
  let scorecard: ChampionScorecard;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "champion-scorecard-"));
    root = join(folder, "registry");
    registry = openRegistry(pathToFileURL(root).href);
  });
  afterEach(async () => {
    scorecard.onApplicationShutdown();
    await rm(folder, { recursive: true, force: true });
  });

  async function promote(model: string, card: string | undefined): Promise<string> {
    const { version } = await registry.publish({
      name: "fraud",
      modelBytes: Buffer.from(model),
      golden: { inputs: [[1]], outputs: [0.5] },
      ...(card === undefined ? {} : { scorecard: Buffer.from(card) }),
      manifest: {
        created_at: "2026-01-01T00:00:00Z",
        feature_spec_version: SPEC.version,
        features: ["amount"],
        input: { name: "features", datatype: "FP32", shape: [-1, 1] },
        output: { name: "probability", datatype: "FP32", shape: [-1, 1] },
        metrics: {},
        lineage: { data_sha256: "0".repeat(64), commit: null, params: {}, trained_at: "2026-01-01T00:00:00Z" },
      },
    });
    await registry.setAlias("fraud", "champion", version);
    return version;
  }

  async function follow(followed: { registry: ConstructorParameters<typeof ChampionScorecard>[0] } = { registry }) {
    const config = { MODEL_NAME: "fraud", REGISTRY_POLL_SECONDS: 0.01, FEAST_PROFILES: [] };
    scorecard = new ChampionScorecard(followed.registry, config, new DecisionMetrics(), createLogger("test", "silent"));
    await scorecard.onModuleInit();
  }

  /** Polls, because nothing signals that the registry was read. */
  async function becomes(isSo: () => boolean): Promise<void> {
    for (const endMs = Date.now() + 120_000; !isSo(); await new Promise((resolve) => setTimeout(resolve, 5))) {
      if (Date.now() > endMs) throw new Error(`it stays in use: ${scorecard.current?.version}, ${scorecard.note}`);
    }
  }

  test("uses the champion's scorecard from startup, and follows the alias to another scorecard or to none", async () => {
    await promote("one", cardOf(1));
    await follow();
    expect(scorecard.current).toMatchObject({ intercept: 1, specVersion: SPEC.version });
    expect(scorecard.note).toBeUndefined();
    await promote("two", cardOf(2));
    await becomes(() => scorecard.current?.intercept === 2);
    // A model from before scorecards existed: without its score, only rules decide.
    const without = await promote("three", undefined);
    await becomes(() => scorecard.current === undefined);
    const why = `model fraud ${without} was published without a scorecard.`;
    expect(scorecard.note).toBe(`without the model, only rules decide: ${why}`);
    await promote("four", cardOf(4));
    await becomes(() => scorecard.current?.intercept === 4 && scorecard.note === undefined);
  });

  test("keeps its scorecard while the registry is unavailable or the champion's scorecard is unusable", async () => {
    await promote("one", cardOf(1));
    await follow();
    const kept = `${scorecard.current?.version} stays in use: `;
    await rename(root, `${root}.away`);
    await becomes(() => scorecard.note?.startsWith(`${kept}There is no model fraud.`) === true);
    expect(scorecard.current?.intercept).toBe(1);
    await rename(`${root}.away`, root);
    await becomes(() => scorecard.note === undefined);

    await promote("two", cardOf(2, 999));
    await becomes(() => scorecard.note?.includes("feature_spec_version: is 999") === true);
    await promote("three of a profile that is not read", cardOf(3).replace('"amount"', '"card_age"'));
    await becomes(
      () => scorecard.note?.includes("uses card_age from profiles that the features service does not read") === true,
    );
    const version = await promote("three", cardOf(3));
    await becomes(() => scorecard.current?.intercept === 3 && scorecard.note === undefined);
    const other = await promote("four", cardOf(4));
    await becomes(() => scorecard.current?.intercept === 4);
    await writeFile(join(root, "models", "fraud", "versions", version, "scorecard.json"), cardOf(5));
    await registry.setAlias("fraud", "champion", version, { expect: other });
    await becomes(() => scorecard.note?.includes("scorecard.json differs from the published file") === true);
    expect(scorecard.current?.intercept).toBe(4);
  });

  test("does not delay the start of the service while the registry is unavailable", async () => {
    let answer = (_version: string): void => {};
    const hanging = new Promise<string>((resolve) => {
      answer = resolve;
    });
    const version = await promote("one", cardOf(1));
    await follow({ registry: { aliasTarget: () => hanging, scorecard: (name, at) => registry.scorecard(name, at) } });
    expect(scorecard.current).toBeUndefined();
    expect(scorecard.note).toBe("without the model, only rules decide: the registry has not been read yet.");
    answer(version);
    await becomes(() => scorecard.current?.intercept === 1);
  });

  test("has no scorecard without a model or a registry, and says so", async () => {
    await follow();
    expect(scorecard.note).toContain("without the model, only rules decide: There is no model fraud.");
    await promote("one", cardOf(1));
    await becomes(() => scorecard.current?.intercept === 1);
    scorecard.onApplicationShutdown();
    await follow({ registry: undefined });
    expect(scorecard.note).toBe("without the model, only rules decide: REGISTRY_URL is not set.");
  });
});
