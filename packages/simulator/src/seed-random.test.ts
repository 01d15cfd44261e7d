import fc from "fast-check";
import { logNormal, normal, poisson, seedRandom } from "./seed-random.js";

describe("seedRandom", () => {
  test("depends on every part of its key", () => {
    const base = [5, 1, 2, 3] as const;
    const first = (key: readonly [number, number, number, number]) => {
      const random = seedRandom(...key);
      return [random(), random(), random()];
    };
    expect(first(base)).toEqual(first(base));
    for (let part = 0; part < 4; part += 1) {
      const [a, b, c, d] = base.map((value, index) => (index === part ? value + 1 : value));
      expect(first([a ?? 0, b ?? 0, c ?? 0, d ?? 0])).not.toEqual(first(base));
    }
    expect(first([5 + 2 ** 32, 1, 2, 3])).not.toEqual(first(base));
  });

  test("is in [0, 1) for any key", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat(), fc.nat(), fc.integer(), (seed, stream, entity, day) => {
        const random = seedRandom(seed, stream, entity, day);
        for (let draw = 0; draw < 20; draw += 1) {
          const value = random();
          if (!(value >= 0 && value < 1)) return false;
        }
        return true;
      }),
    );
  });

  test("fills ten bins evenly, even across streams with adjacent keys", () => {
    const boxes = new Array<number>(10).fill(0);
    for (let entity = 0; entity < 10_000; entity += 1) {
      const box = Math.floor(seedRandom(1, 2, entity, 9)() * 10);
      boxes[box] = (boxes[box] ?? 0) + 1;
    }
    // Chi-squared with 9 degrees of freedom stays below 27.9 with probability 0.999.
    const chiSquared = boxes.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(chiSquared).toBeLessThan(27.9);
  });
});

describe("distributions", () => {
  const random = seedRandom(11, 1, 0, 0);
  const draws = (draw: () => number) => Array.from({ length: 20_000 }, draw).sort((left, right) => left - right);
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

  test("normal has a mean of 0 and a variance of 1", () => {
    const values = draws(() => normal(random));
    expect(mean(values)).toBeCloseTo(0, 1);
    expect(mean(values.map((value) => value ** 2))).toBeCloseTo(1, 1);
  });

  test("logNormal has the given median", () => {
    expect(draws(() => logNormal(random, 30, 0.5))[10_000]).toBeCloseTo(30, -1);
  });

  test("poisson has the given mean and stays within its limit", () => {
    expect(mean(draws(() => poisson(random, 2.5, 50)))).toBeCloseTo(2.5, 1);
    expect(Math.max(...draws(() => poisson(random, 5, 6)))).toBe(6);
  });
});
