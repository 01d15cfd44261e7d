// Distributes test files to workers. Tests of a whole system or a browser run one after another in the first lane,
// because two of them on two cores block each other; everything else runs in the other lanes, and finally in all of
// them.

/**
 * A worker leaks some memory per file, and after dozens of files it mostly collects garbage: 10 s of tests in a new worker took
 * 140 s after 75 files. Starting a worker costs half a second.
 */
const FILES_PER_WORKER = 16;
/** Loading Jest and the libraries costs more than a second of CPU time per worker. */
const FILES_PER_WORKER_MIN = 4;

/**
 * Without lanes, a run shows what its tests print, and leaves all of their topics on the shared broker.
 *
 * @param {{ whole: number, servers: number, lanes: number }} counts of the tests that start a whole system, of those that use
 *   the shared servers, and of the lanes
 */
export const needsLanes = ({ whole, servers, lanes }) => lanes > 1 && (whole > 0 || servers > FILES_PER_WORKER);

/**
 * @template T
 * @param {object} work
 * @param {readonly T[]} work.whole run one after another, before anything else in their lane
 * @param {readonly T[]} work.others in the order in which they should start
 * @param {number} work.lanes at least 1
 * @param {(tests: T[], lane: number) => Promise<void>} work.run runs some in a new worker, one after another; lanes count from 1
 */
export async function runInLanes({ whole, others, lanes, run }) {
  const [wholeLeft, left] = [[...whole], [...others]];
  // Small batches at the end, so that lanes finish together.
  const nextOthers = () => {
    const share = Math.ceil(left.length / (2 * lanes));
    return left.splice(0, Math.min(FILES_PER_WORKER, Math.max(FILES_PER_WORKER_MIN, share)));
  };
  const nextPart = (/** @type {boolean} */ isFirst) =>
    isFirst && wholeLeft.length > 0 ? wholeLeft.splice(0, FILES_PER_WORKER) : nextOthers();
  await Promise.all(
    Array.from({ length: lanes }, async (_, index) => {
      for (let part = nextPart(index === 0); part.length > 0; part = nextPart(index === 0)) await run(part, index + 1);
    }),
  );
}
