import { setTimeout as sleep } from "node:timers/promises";
import type { ModelVersion } from "@tripline/model-registry/model-registry";
import type { TestScoring } from "./test-service.js";
import { METHODS, startTestScoring } from "./test-service.js";

const SWAPS = 20;
const CALLERS = 2;
const WAIT_MS_MAX = 20_000;

let scoring: TestScoring;
let champion: ModelVersion;
let challenger: ModelVersion;

beforeEach(async () => {
  scoring = await startTestScoring({ REGISTRY_POLL_SECONDS: "0.02" });
  champion = await scoring.models.registry.resolve("fraud", "champion");
  challenger = await scoring.models.registry.resolve("fraud", "challenger");
});

afterEach(() => scoring.close());

/** Asks until the answer is yes; fails after twenty seconds. */
async function until(what: string, ask: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + WAIT_MS_MAX;
  while (!(await ask())) {
    if (Date.now() > endMs) throw new Error(`${what}: not within ${WAIT_MS_MAX} ms`);
    await sleep(5);
  }
}

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
