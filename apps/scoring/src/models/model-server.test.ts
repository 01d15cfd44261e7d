import { rename } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ModelRegistry, ModelVersion } from "@tripline/model-registry/model-registry";
import { createLogger } from "@tripline/telemetry/logger";
import { createScoringMetrics } from "../scoring-metrics.js";
import type { TestRegistry, TestScoring } from "../testing/service.js";
import {
  copyRegistry,
  METHODS,
  publishAs,
  rawRequest,
  rawScores,
  startTestScoring,
  until,
} from "../testing/service.js";
import { ModelServer } from "./model-server.js";

/** Each swap replaces both models. The long version: `SCORING_SWAPS=100 SCORING_SWAPS_SECONDS=60`. */
const SWAPS = Number(process.env.SCORING_SWAPS ?? 10);
const SWAPS_MS_MIN = 1_000 * Number(process.env.SCORING_SWAPS_SECONDS ?? 0);
const CALLERS = 2;
const TEST_MS_MAX = 60_000 + 5 * SWAPS_MS_MIN;

describe("hot reload", () => {
  let scoring: TestScoring;
  let champion: ModelVersion;
  let challenger: ModelVersion;
  const names = ["fraud", "second"];

  beforeEach(async () => {
    scoring = await startTestScoring({ REGISTRY_POLL_SECONDS: "0.02", MODELS: names.join(",") }, async (models) => {
      await publishAs(models, "second", "champion", "champion");
      await publishAs(models, "second", "challenger", "challenger");
    });
    champion = await scoring.models.registry.resolve("fraud", "champion");
    challenger = await scoring.models.registry.resolve("fraud", "challenger");
  });

  afterEach(() => scoring.close());

  async function servedVersion(name: string): Promise<string | undefined> {
    return (await scoring.client.call(METHODS.modelMetadata, { name, version: "" })).versions[0];
  }

  test(
    `${SWAPS} swaps of two models under traffic: no call fails, and each score comes from the version it names`,
    async () => {
      let swapping = true;
      const seen = new Map<string, number>();
      const call = async (modelName: string): Promise<void> => {
        while (swapping) {
          const response = await scoring.client.call(
            METHODS.modelInfer,
            rawRequest(champion.golden.inputs, { modelName }),
          );
          const { golden } = response.modelVersion === champion.version ? champion : challenger;
          const apart = rawScores(response).map((score, row) => Math.abs(score - (golden.outputs[row] ?? Number.NaN)));
          expect(Math.max(...apart)).toBeLessThan(1e-5);
          const key = `${modelName} ${response.modelVersion}`;
          seen.set(key, (seen.get(key) ?? 0) + 1);
        }
      };
      const traffic = Promise.all(names.flatMap((name) => Array.from({ length: CALLERS }, () => call(name))));
      const swapTo = async (name: string, version: string): Promise<void> => {
        const before = seen.get(`${name} ${version}`) ?? 0;
        await scoring.models.registry.setAlias(name, "champion", version);
        await until(
          `${name} ${version}`,
          async () => (seen.get(`${name} ${version}`) ?? 0) > before && (await servedVersion(name)) === version,
        );
      };
      const startedMs = Date.now();
      try {
        for (let swap = 1; swap <= SWAPS; swap += 1) {
          // The two models always have different versions.
          const [first, second] = swap % 2 === 0 ? [champion, challenger] : [challenger, champion];
          const swaps = Promise.all([swapTo("fraud", first.version), swapTo("second", second.version)]);
          await Promise.race([traffic, swaps]);
          await sleep(Math.max(0, startedMs + (swap * SWAPS_MS_MIN) / SWAPS - Date.now()));
        }
      } finally {
        swapping = false;
      }
      await traffic;
      const versions = [champion.version, challenger.version];
      expect([...seen.keys()].sort()).toEqual(
        names.flatMap((name) => versions.map((version) => `${name} ${version}`)).sort(),
      );
    },
    TEST_MS_MAX,
  );
});

describe("polling the registry", () => {
  let models: TestRegistry;
  let server: ModelServer;
  let looks: number;
  let resolved: string[];
  let errors: unknown[][];

  beforeEach(async () => {
    models = await copyRegistry();
    [looks, resolved, errors] = [0, [], []];
    const logger = createLogger("scoring", "silent");
    logger.error = (...line: unknown[]) => void errors.push(line);
    const { registry } = models;
    const counted: ModelRegistry = {
      models: () => registry.models(),
      scorecard: (name, version) => registry.scorecard(name, version),
      versions: (name) => registry.versions(name),
      list: (name) => registry.list(name),
      setAlias: (name, alias, version) => registry.setAlias(name, alias, version),
      publish: (publication) => registry.publish(publication),
      aliasTarget(name, alias) {
        looks += 1;
        return registry.aliasTarget(name, alias);
      },
      resolve(name, version) {
        resolved.push(version);
        return registry.resolve(name, version);
      },
    };
    server = await ModelServer.start({
      registry: counted,
      name: "fraud",
      alias: "champion",
      pollMs: 5,
      session: { workers: 1, providers: ["cpu"], requireGpu: false, isExplained: false },
      limitsOf: () => ({ rowsPerRunMax: 8, rowsQueuedMax: 8 }),
      logger,
      metrics: createScoringMetrics(),
    });
  });

  afterEach(async () => {
    await server.close();
    await models.remove();
  });

  const moreLooks = async (more: number): Promise<void> => {
    const enough = looks + more;
    await until(`${more} looks`, async () => looks >= enough);
  };

  test("logs a rejected model once and does not reload it at every poll", async () => {
    const wrong = await models.registry.aliasTarget("fraud", "wrong-golden");
    await models.registry.setAlias("fraud", "champion", wrong);
    await until("the refusal", async () => errors.length > 0);
    await moreLooks(10);
    expect(errors).toHaveLength(1);
    expect(resolved.filter((version) => version === wrong)).toHaveLength(1);
    expect(server.current.manifest.version).not.toBe(wrong);
  });

  test("logs an unreachable registry once, keeps the model, and follows the alias again afterwards", async () => {
    const { version } = server.current.manifest;
    const aliases = join(models.root, "models/fraud/aliases");
    for (const times of [1, 2]) {
      await rename(aliases, `${aliases}-gone`);
      await until("the fault", async () => errors.length === times);
      await moreLooks(10);
      expect(errors).toHaveLength(times);
      expect(server.current.manifest.version).toBe(version);
      expect(server.failure).toBeUndefined();
      await rename(`${aliases}-gone`, aliases);
      await moreLooks(2);
    }
    const next = await models.registry.aliasTarget("fraud", "challenger");
    await models.registry.setAlias("fraud", "champion", next);
    await until("the swap", async () => server.current.manifest.version === next);
  });
});
