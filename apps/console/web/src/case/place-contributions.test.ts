import { placeContributions } from "./place-contributions.js";

const of = (feature: string, logOdds: number) => ({ feature, title: feature, text: "", logOdds });

describe("the waterfall of contributions", () => {
  test("each step starts where the previous one ended", () => {
    const { steps, sumLogOdds, baseAt, sumAt } = placeContributions(-4, [of("a", 5), of("b", -1)], 9);
    expect(sumLogOdds).toBe(0);
    expect(steps.map(({ from, size }) => [from, size])).toEqual([
      [0, 1],
      [0.8, expect.closeTo(0.2)],
    ]);
    expect([baseAt, sumAt]).toEqual([0, 0.8]);
  });

  test("merges small contributions into one step so that the sum equals the model's", () => {
    const { steps, rest, sumLogOdds } = placeContributions(-2, [of("a", 3), of("b", 0.5), of("c", -0.25)], 1);
    expect(steps).toHaveLength(1);
    expect(rest).toMatchObject({ count: 2, logOdds: 0.25 });
    expect(sumLogOdds).toBeCloseTo(1.25);
  });

  test("a payment without contributions has no steps and causes no division by zero", () => {
    expect(placeContributions(-3, [], 5)).toMatchObject({ steps: [], rest: undefined, sumLogOdds: -3, baseAt: 0 });
  });
});
