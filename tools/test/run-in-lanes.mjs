// How test files are shared among workers: what starts a whole system or a browser runs one after another in the first
// lane, since two of them on two cores keep each other waiting; everything else in the other lanes, and at last in all.

/**
 * @template T
 * @param {object} work
 * @param {readonly T[]} work.whole run one after another, before anything else in their lane
 * @param {readonly T[]} work.others in the order in which they should start
 * @param {number} work.lanes at least 1
 * @param {(tests: T[], lane: number) => Promise<void>} work.run runs some, one after another; lanes count from 1
 */
export async function runInLanes({ whole, others, lanes, run }) {
  const left = [...others];
  // Large parts at first, for a start of a worker costs half a second; small ones at last, so that lanes end together.
  const nextPart = () => left.splice(0, Math.ceil(left.length / (2 * lanes)));
  await Promise.all(
    Array.from({ length: lanes }, async (_, index) => {
      for (let part = index === 0 ? [...whole] : nextPart(); part.length > 0; part = nextPart()) {
        await run(part, index + 1);
      }
    }),
  );
}
