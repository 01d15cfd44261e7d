import { percentile, printNumber, printSpread, ratiosOf, spreadOf } from "./spread.js";

test.each([
  [[3, 1, 2], 2, 1, 3],
  [[4, 1, 3, 2], 2.5, 1, 4],
  [[10, 9, 100], 10, 9, 100],
  [[7], 7, 7, 7],
  [[-1, -20], -10.5, -20, -1],
])("the median of %j is %d, from %d to %d", (values, median, low, high) => {
  expect(spreadOf(values)).toEqual({ median, low, high });
});

test("keeps the order of the values", () => {
  const values = [3, 1, 2];
  spreadOf(values);
  expect(values).toEqual([3, 1, 2]);
});

test.each([[[]], [[1, Number.NaN]]])("%j has no median", (values) => {
  expect(() => spreadOf(values)).toThrow(RangeError);
});

// The default results of numpy.percentile.
test.each([
  [0, 1],
  [0.25, 2],
  [0.9, 4.6],
  [0.99, 4.96],
  [1, 5],
])("the percentile %d of 1 to 5 is %d", (share, value) => {
  expect(percentile([5, 4, 3, 2, 1], share)).toBeCloseTo(value, 12);
});

test.each([
  { values: [2, 9], to: [1, 3], ratios: [2, 3] },
  // One slow run and three fast ones, and vice versa.
  { values: [30], to: [1, 3, 2], ratios: [15] },
  { values: [1, 3, 2], to: [30], ratios: [2 / 30] },
])("the ratios of $values to $to are $ratios", ({ values, to, ratios }) => {
  const found = ratiosOf(values, to);
  expect(found).toHaveLength(ratios.length);
  for (const [index, ratio] of ratios.entries()) expect(found[index]).toBeCloseTo(ratio, 12);
});

test.each([
  [0, "0.00"],
  [0.012345, "0.0123"],
  [1.2345, "1.23"],
  [12.345, "12.3"],
  [123.45, "123"],
  [123456.7, "123457"],
  [-0.5, "-0.500"],
  [Number.POSITIVE_INFINITY, "Infinity"],
])("%d is printed as %s", (value, text) => {
  expect(printNumber(value)).toBe(text);
});

test("prints a spread with its lowest and highest values if they differ", () => {
  expect(printSpread({ median: 2, low: 1, high: 30 })).toBe("2.00 (1.00–30.0)");
  expect(printSpread({ median: 2, low: 2, high: 2 })).toBe("2.00");
});
