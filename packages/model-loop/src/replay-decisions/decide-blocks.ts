import type { ThreadPool } from "../threads/thread-pool.js";
import type { ArchivedDecision } from "./read-archived.js";

type Block = readonly ArchivedDecision[];

/** Blocks per thread, queued or running. This limits memory for ranges of any length. */
const BLOCKS_PER_THREAD_MAX = 2;

/**
 * The threads' results, in the order of the blocks.
 *
 * @throws TriplineError like the threads and the blocks
 */
export async function* decideBlocks<Result>(
  blocks: AsyncIterable<Block>,
  pool: ThreadPool<Block, Result>,
  threads: number,
): AsyncGenerator<{ readonly rows: number; readonly result: Result }> {
  const running: { readonly rows: number; readonly result: Promise<Result> }[] = [];
  for await (const block of blocks) {
    const result = pool.run(block);
    // The result is awaited later; until then, a rejection must not end the process.
    result.catch(() => undefined);
    running.push({ rows: block.length, result });
    const first = running.length < threads * BLOCKS_PER_THREAD_MAX ? undefined : running.shift();
    if (first !== undefined) yield { rows: first.rows, result: await first.result };
  }
  for (const { rows, result } of running) yield { rows, result: await result };
}
