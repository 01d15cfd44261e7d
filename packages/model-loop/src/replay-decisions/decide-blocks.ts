import type { ThreadPool } from "../threads/thread-pool.js";
import type { ArchivedDecision } from "./read-archived.js";

type Block = readonly ArchivedDecision[];

/** Blocks per thread that wait or are being decided; so much is in memory at once, however long the range is. */
const BLOCKS_PER_THREAD_MAX = 2;

/**
 * What the threads of a pool make of each block, in the order of the blocks.
 *
 * @throws TriplineError as the threads and the blocks do
 */
export async function* decideBlocks<Result>(
  blocks: AsyncIterable<Block>,
  pool: ThreadPool<Block, Result>,
  threads: number,
): AsyncGenerator<{ readonly rows: number; readonly result: Result }> {
  const running: { readonly rows: number; readonly result: Promise<Result> }[] = [];
  for await (const block of blocks) {
    const result = pool.run(block);
    // It is looked at when its turn comes; until then its failure is not to end the process.
    result.catch(() => undefined);
    running.push({ rows: block.length, result });
    const first = running.length < threads * BLOCKS_PER_THREAD_MAX ? undefined : running.shift();
    if (first !== undefined) yield { rows: first.rows, result: await first.result };
  }
  for (const { rows, result } of running) yield { rows, result: await result };
}
