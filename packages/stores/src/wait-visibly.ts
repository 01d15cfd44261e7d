import { setTimeout as delay } from "node:timers/promises";

export interface WaitOptions {
  /** The dependency, for example "Kafka at kafka:9092". */
  readonly what: string;
  readonly timeoutMs: number;
  /** Delay between attempts. */
  readonly pollMs: number;
  /** Whether a failure may be temporary; any other failure ends the wait immediately. */
  mayPass(error: unknown): boolean;
  /** What the user should do if it never becomes ready, as a sentence. */
  readonly remedy: string;
  readonly say: (line: string) => void;
}

const SAY_EVERY_MS = 5_000;

/**
 * Retries until it succeeds, and reports every few seconds what it is waiting for and why, so that users see progress
 * during an installation.
 *
 * @throws a permanent failure immediately, or an Error in one sentence after the timeout
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

/** The reason for a failed `fetch` is only in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
  return `${error.message}${cause}${/[.!?]$/.test(error.message + cause) ? "" : "."}`;
}
