import type { ScenarioName } from "./scenarios.js";
import { cutStages, dueMs, highestRate, kindOf, paymentsIn, SCENARIOS, secondsOf, stageAt } from "./scenarios.js";

const NAMES = Object.keys(SCENARIOS) as ScenarioName[];

describe.each(NAMES)("the %s scenario", (name) => {
  const { defaults, mix, stages: stagesOf } = SCENARIOS[name];
  const stages = stagesOf(defaults);

  test("takes its stated time plus the warm-up", () => {
    const expected = defaults.seconds + defaults.warmUpSeconds;
    expect(secondsOf(stages)).toBeCloseTo(expected, 6);
  });

  test("has no jumps after its start", () => {
    for (const [index, stage] of stages.entries()) {
      const before = stages[index - 1];
      if (before !== undefined) expect(stage.fromRate).toBe(before.toRate);
    }
  });

  test("has integer rates, as k6 requires", () => {
    for (const { fromRate, toRate } of stages) {
      expect(Number.isInteger(fromRate)).toBe(true);
      expect(Number.isInteger(toRate)).toBe(true);
    }
  });

  test("assigns a kind to each iteration", () => {
    expect(Object.values(mix).reduce((sum, share) => sum + share, 0)).toBe(100);
  });

  test("a payment is due when the integral of the rate reaches its number", () => {
    const all = paymentsIn(stages);
    for (const share of [0.001, 0.1, 0.5, 0.9, 1]) {
      const atMs = dueMs(stages, all * share);
      expect(integralUntil(name, atMs)).toBeCloseTo(all * share, 3);
    }
    expect(dueMs(stages, all + 1)).toBe(Number.POSITIVE_INFINITY);
  });
});

/** Numerical integration in thin slices, to check the closed form. */
function integralUntil(name: ScenarioName, untilMs: number): number {
  let sum = 0;
  let startMs = 0;
  for (const { seconds, fromRate, toRate } of SCENARIOS[name].stages(SCENARIOS[name].defaults)) {
    const lengthMs = seconds * 1_000;
    const partMs = Math.min(lengthMs, Math.max(0, untilMs - startMs));
    const rateAtEnd = fromRate + ((toRate - fromRate) * partMs) / lengthMs;
    sum += ((fromRate + rateAtEnd) / 2) * (partMs / 1_000);
    startMs += lengthMs;
  }
  return sum;
}

test("every hundred payments of the standard mix contain two retries and an invalid one", () => {
  for (const first of [0, 100, 12_300]) {
    const kinds = Array.from({ length: 100 }, (_value, index) => kindOf(SCENARIOS.steady.mix, first + index));
    const count = (kind: string) => kinds.filter((each) => each === kind).length;
    expect({ retry: count("retry"), bad: count("bad"), label: count("label"), async: count("async") }).toEqual({
      retry: 2,
      bad: 1,
      label: 5,
      async: 10,
    });
  }
});

test("a spike is ten times the rate, and limits apply before it and after its backlog has been processed", () => {
  const { defaults, stages: stagesOf } = SCENARIOS.spike;
  const stages = stagesOf(defaults);
  expect(highestRate(stages)).toBe(10 * defaults.rate);
  const limited = stages.filter(({ isLimited }) => isLimited).map(({ phase }) => phase);
  expect(limited).toEqual(["before", "after"]);
});

test("a ramp has ten steps up to its rate", () => {
  const stages = SCENARIOS.ramp.stages({ rate: 500, seconds: 100, warmUpSeconds: 5 });
  const steps = stages.filter(({ phase }) => phase.endsWith("/s")).map(({ phase }) => phase);
  expect(steps).toEqual([50, 100, 150, 200, 250, 300, 350, 400, 450, 500].map((rate) => `${rate}/s`));
});

test("a run that ends early has truncated stages", () => {
  const stages = SCENARIOS.steady.stages({ rate: 10, seconds: 20, warmUpSeconds: 4 });
  expect(cutStages(stages, 2)).toEqual([{ phase: "warm-up", seconds: 2, fromRate: 0, toRate: 5, isLimited: false }]);
  expect(cutStages(stages, 14)).toMatchObject([
    { seconds: 4, toRate: 10 },
    { phase: "steady", seconds: 10 },
  ]);
  expect(cutStages(stages, 99)).toEqual(stages);
});

test("a moment belongs to the stage in progress", () => {
  const stages = SCENARIOS.steady.stages({ rate: 10, seconds: 20, warmUpSeconds: 5 });
  expect(stageAt(stages, 0)?.phase).toBe("warm-up");
  expect(stageAt(stages, 4_999)?.phase).toBe("warm-up");
  expect(stageAt(stages, 5_000)?.phase).toBe("steady");
  expect(stageAt(stages, 99_000)?.phase).toBe("steady");
});
