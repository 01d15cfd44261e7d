import { setTimeout as delay } from "node:timers/promises";

export interface WaitOptions {
  /** What is waited for, for instance "Kafka at kafka:9092". */
  readonly what: string;
  readonly timeoutMs: number;
  /** The pause between two tries. */
  readonly pollMs: number;
  /** Which failures waiting may mend; any other one ends it at once. */
  mayPass(error: unknown): boolean;
  /** What to do when it never came, as a sentence. */
  readonly remedy: string;
  readonly say: (line: string) => void;
}

const SAY_EVERY_MS = 5_000;

/**
 * Tries until it works, and says every few seconds what it waits for and why it does not come: who installs a system
 * sees that instead of silence.
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
        throw new Error(`${options.what} did not come within ${waitedSeconds} s: ${reason} ${options.remedy}`, {
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

/** A failed `fetch` says why in its cause alone. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
  return `${error.message}${cause}${/[.!?]$/.test(error.message + cause) ? "" : "."}`;
}
