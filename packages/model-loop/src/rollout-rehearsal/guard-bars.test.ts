import { measureGuards } from "./guard-bars.js";

/** The short form of `npm run bench -- committee`. */
test("guards end the rollouts of bad models soon, and of none of the good ones", () => {
  const bars = measureGuards({ seed: 3, rollouts: 10, badRollouts: 21 });
  expect(bars).toHaveLength(6);
  expect(bars.filter(({ isMet }) => !isMet)).toEqual([]);
});
