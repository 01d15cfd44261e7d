import { rename } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ModelRegistry, ModelVersion } from "@tripline/model-registry/model-registry";
import { createLogger } from "@tripline/service-kit/logger";
import { ModelServer } from "./model-server.js";
import { createScoringMetrics } from "./scoring-metrics.js";
import type { TestRegistry, TestScoring } from "./test-service.js";
import { copyRegistry, METHODS, startTestScoring } from "./test-service.js";

const SWAPS = 20;
const CALLERS = 2;
const WAIT_MS_MAX = 20_000;

/** Asks until the answer is yes; fails after twenty seconds. */
async function until(what: string, ask: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + WAIT_MS_MAX;
  while (!(await ask())) {
    if (Date.now() > endMs) throw new Error(`${what}: not within ${WAIT_MS_MAX} ms`);
    await sleep(5);
  }
}

describe("hot reload", () => {
  let scoring: TestScoring;
  let champion: ModelVersion;
  let challenger: ModelVersion;

  beforeEach(async () => {
    scoring = await startTestScoring({ REGISTRY_POLL_SECONDS: "0.02" });
    champion = await scoring.models.registry.resolve("fraud", "champion");
    challenger = await scoring.models.registry.resolve("fraud", "challenger");
  });

  afterEach(() => scoring.close());

  async function servedVersion(): Promise<string | undefined> {
    return (await scoring.client.call(METHODS.modelMetadata, { name: "fraud", version: "" })).versions[0];
  }

  test(`${SWAPS} swaps under traffic: no call fails, and every score is of the version it names`, async () => {
    let swapping = true;
    const seen = new Map<string, number>();
    const call = async (): Promise<void> => {
      while (swapping) {
        const { version, scores } = await scoring.client.score(champion.golden.inputs);
        const { golden } = version === champion.version ? champion : challenger;
        const apart = scores.map((score, row) => Math.abs(score - (golden.outputs[row] ?? Number.NaN)));
        expect(Math.max(...apart)).toBeLessThan(1e-5);
        seen.set(version, (seen.get(version) ?? 0) + 1);
      }
    };
    const traffic = Promise.all(Array.from({ length: CALLERS }, call));
    try {
      for (let swap = 1; swap <= SWAPS; swap += 1) {
        const next = swap % 2 === 0 ? champion : challenger;
        const before = seen.get(next.version) ?? 0;
        await scoring.models.registry.setAlias("fraud", "champion", next.version);
        await Promise.race([
          traffic,
          until(
            `swap ${swap}`,
            async () => (seen.get(next.version) ?? 0) > before && (await servedVersion()) === next.version,
          ),
        ]);
      }
    } finally {
      swapping = false;
    }
    await traffic;
    expect([...seen.keys()].sort()).toEqual([champion.version, challenger.version].sort());
  });
});

describe("a look at the registry that goes wrong", () => {
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
      session: { workers: 1, providers: ["cpu"], requireGpu: false },
      limits: { rowsPerRunMax: 8, rowsQueuedMax: 8 },
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

  test("a refused model is said once and not loaded again at every look", async () => {
    const wrong = await models.registry.aliasTarget("fraud", "wrong-golden");
    await models.registry.setAlias("fraud", "champion", wrong);
    await until("the refusal", async () => errors.length > 0);
    await moreLooks(10);
    expect(errors).toHaveLength(1);
    expect(resolved.filter((version) => version === wrong)).toHaveLength(1);
    expect(server.current.manifest.version).not.toBe(wrong);
  });

  test("a registry that is gone is said once, and the model stays; when it is back, the alias is followed again", async () => {
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
