import { hashSlot, sliceOf, slotsOf } from "./hash-slot.js";

test.each([
  ["123456789", 12739],
  ["foo", 12182],
  ["bar", 5061],
  ["foo{bar}", 5061],
  ["{bar}{foo}", 5061],
  ["", 0],
])("%j has the hash slot that a Redis cluster gives it", (key, slot) => {
  expect(hashSlot(key)).toBe(slot);
});

test.each(["foo{}{bar}", "foo{bar"])("the braces in %j do not select the part to hash", (key) => {
  expect(hashSlot(key)).not.toBe(hashSlot("bar"));
});

test.each([1, 2, 16, 1_024])("the slice of a key contains its hash slot (%d slices)", (slices) => {
  for (const key of ["123456789", "foo", "bar", ""]) {
    const [first, end] = slotsOf(sliceOf(key, slices), slices);
    expect(hashSlot(key)).toBeGreaterThanOrEqual(first);
    expect(hashSlot(key)).toBeLessThan(end);
  }
});
