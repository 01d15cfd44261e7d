import type { MarginOf } from "./integrated-gradients.js";
import { integratedGradients } from "./integrated-gradients.js";

/** A margin of one row as a model of many. */
function model(width: number, margin: (row: readonly number[]) => number): MarginOf {
  return (rows, rowCount, into) => {
    for (let row = 0; row < rowCount; row += 1) into[row] = margin([...rows.subarray(row * width, (row + 1) * width)]);
  };
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const row = Float32Array.of(2, -1, 3, 0.5);
const baseline = Float32Array.of(1, 1, 0, 0.5);

test("a linear model: weight times distance", async () => {
  const found = await integratedGradients(
    model(4, ([a = 0, b = 0, c = 0, d = 0]) => 3 * a - b + c / 2 + 9 * d),
    row,
    baseline,
  );
  for (const [feature, wanted] of [3, 2, 1.5, 0].entries()) expect(found[feature]).toBeCloseTo(wanted, 3);
});

test("a product: the integral of the other factor along the line", async () => {
  // With a = 1 + t and b = 1 - 2t, the gradient by a is b and that by b is a.
  const found = await integratedGradients(
    model(4, ([a = 0, b = 0]) => a * b),
    row,
    baseline,
  );
  expect(found[0]).toBeCloseTo(0, 3);
  expect(found[1]).toBeCloseTo(-3, 3);
});

test("a network of two layers: adds up to the difference of its margins", async () => {
  const margin = ([a = 0, b = 0, c = 0, d = 0]: readonly number[]): number =>
    3 * sigmoid(a - 2 * b + c) - 4 * sigmoid(b * 1.5 - c + d) + sigmoid(-a + d);
  const found = await integratedGradients(async (...request) => model(4, margin)(...request), row, baseline, {
    steps: 400,
    gapMax: 1e-3,
  });
  const sum = found.reduce((total, one) => total + one, 0);
  expect(sum).toBeCloseTo(margin([...row]) - margin([...baseline]), 3);
  expect(found[3]).toBe(0);
});

test("a step that is not smooth does not add up", async () => {
  const step = model(4, ([a = 0]) => (a > 1.5 ? 10 : 0));
  await expect(integratedGradients(step, row, baseline)).rejects.toThrow(
    expect.objectContaining({ code: "incomplete", message: expect.stringContaining("differ by 10") }),
  );
});

test("a model that returns NaN cannot be explained", async () => {
  await expect(
    integratedGradients(
      model(4, () => Number.NaN),
      row,
      baseline,
    ),
  ).rejects.toThrow(expect.objectContaining({ code: "incomplete" }));
});

test("a row that is the baseline has no contributions", async () => {
  const found = await integratedGradients(
    model(4, ([a = 0]) => a),
    row,
    row,
  );
  expect([...found]).toEqual([0, 0, 0, 0]);
});

test.each([
  ["another width", Float32Array.of(1), {}, "row has 4 features and baseline 1"],
  ["a missing value", Float32Array.of(1, Number.NaN, 0, 0), {}, "Feature 1 of row or baseline"],
  ["no steps", baseline, { steps: 0 }, "steps is 0"],
  ["too many steps", baseline, { steps: 10_001 }, "from 1 to 10000"],
  ["no distance", baseline, { relativeStep: 0 }, "relativeStep is 0"],
])("%s is refused", async (_, from, options, message) => {
  await expect(
    integratedGradients(
      model(4, () => 0),
      row,
      from,
      options,
    ),
  ).rejects.toThrow(expect.objectContaining({ code: "invalid-request", message: expect.stringContaining(message) }));
});
