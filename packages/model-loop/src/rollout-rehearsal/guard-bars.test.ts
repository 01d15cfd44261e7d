import { measureGuards } from "./guard-bars.js";

/** The short form of `npm run bench -- committee`. */
test("guards soon end the rollouts of bad models, and never those of good ones", () => {
  const bars = measureGuards({ seed: 3, rollouts: 10, badRollouts: 21 });
  expect(bars).toHaveLength(6);
  expect(bars.filter(({ isMet }) => !isMet)).toEqual([]);
});
