import { setTimeout as delay } from "node:timers/promises";

export interface WaitOptions {
  /** What is waited for, for instance "Kafka at kafka:9092". */
  readonly what: string;
  readonly timeoutMs: number;
  /** The pause between two tries. */
  readonly pollMs: number;
  /** Failures that may pass with time; any other one ends the wait at once. */
  mayPass(error: unknown): boolean;
  /** What to do if it never becomes ready, as a sentence. */
  readonly remedy: string;
  readonly say: (line: string) => void;
}

const SAY_EVERY_MS = 5_000;

/**
 * Tries until it works, and says every few seconds what it waits for and why, so that somebody who installs a system sees
 * progress.
 *
 * @throws what cannot pass, or an Error in one sentence once the time is over
 */
export async function waitVisibly<T>(attempt: () => Promise<T>, options: WaitOptions): Promise<T> {
  const startedAt = performance.now();
  let saidAt = Number.NEGATIVE_INFINITY;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!options.mayPass(error)) throw error;
      const reason = reasonOf(error);
      const now = performance.now();
      const waitedSeconds = Math.round((now - startedAt) / 1_000);
      if (now - startedAt + options.pollMs > options.timeoutMs) {
        throw new Error(`${options.what} was not ready within ${waitedSeconds} s: ${reason} ${options.remedy}`, {
          cause: error,
        });
      }
      if (now - saidAt >= SAY_EVERY_MS) {
        options.say(`waiting for ${options.what}, ${waitedSeconds} s so far: ${reason}`);
        saidAt = now;
      }
      await delay(options.pollMs);
    }
  }
}

/** A failed `fetch` says why only in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
  return `${error.message}${cause}${/[.!?]$/.test(error.message + cause) ? "" : "."}`;
}
