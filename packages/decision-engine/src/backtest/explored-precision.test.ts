import { isDrawn } from "../exploration/explore-decline.js";
import { ExploredPrecision } from "./explored-precision.js";

/** Declines of cards that differ in their share of fraud; larger payments are explored less often. */
const DECLINES = Array.from({ length: 1_500 }, (_, index) => {
  const card = index % 500;
  const isFraud = (card * 7_919) % 100 < 35 ? index % 10 < 8 : index % 10 < 1;
  return { id: `txn_${index}`, cardToken: `ct_${card}`, isFraud, share: isFraud === index % 3 > 0 ? 0.1 : 0.25 };
});

test("the interval covers the share of fraud among all declines for most keys, even with unequal probabilities", () => {
  const truth = DECLINES.filter(({ isFraud }) => isFraud).length / DECLINES.length;
  const covered = Array.from({ length: 50 }, (_, key) => {
    const precision = new ExploredPrecision();
    for (const { id, share, ...one } of DECLINES) {
      if (isDrawn({ key: `key number ${key}`, share }, id)) precision.add({ ...one, weight: 1 / share });
    }
    const { low = 0, high = 1 } = precision.estimate() ?? {};
    return low <= truth && truth <= high;
  });
  expect(covered.filter(Boolean).length).toBeGreaterThanOrEqual(45);
});

test("without explored payments, there is no estimate", () => {
  expect(new ExploredPrecision().estimate()).toBeUndefined();
});
