import { setTimeout as delay } from "node:timers/promises";
import type { ServerEvent, ServerListener } from "@tripline/local-stack/servers/supervise-server";

export interface WatchServersOptions {
  write(line: string): void;
  /** Puts the window states back. @returns an exit code */
  rebuild(): Promise<number>;
  /** What to type for it. */
  readonly rebuildCommand: string;
  /** Aborted when the demo ends. */
  readonly signal: AbortSignal;
  /** Before each rebuild, in ms: 5,000 unless given. */
  readonly betweenMs?: number;
}

/** A rebuild waits until every instance of features has found Valkey again. */
const REBUILDS_MAX = 3;
const BETWEEN_MS = 5_000;

/**
 * Says what becomes of a server that ended, a sentence each. The demo's Valkey keeps nothing on disk, so after a restart the
 * window states are rebuilt from the lake; until then payments get the default decision.
 */
export function watchServers(options: WatchServersOptions): ServerListener {
  const { write, rebuild, rebuildCommand, signal, betweenMs = BETWEEN_MS } = options;
  let isRebuilding = false;
  const rebuildStates = async (): Promise<void> => {
    write("Valkey restarted empty. The window states are being rebuilt from the lake.");
    for (let tries = 1; tries <= REBUILDS_MAX; tries += 1) {
      await delay(betweenMs, undefined, { ref: false });
      if (signal.aborted) return;
      if ((await rebuild().catch(() => 1)) === 0) {
        write("The window states are rebuilt. An earlier payment that is sent again may get a different decision.");
        return;
      }
    }
    write(`The window states could not be rebuilt. To try again, run in another terminal: ${rebuildCommand}`);
  };
  return ({ server, kind, sentence }: ServerEvent) => {
    write(sentence);
    if (server !== "redis" || kind !== "restarted" || isRebuilding) return;
    isRebuilding = true;
    void rebuildStates().finally(() => {
      isRebuilding = false;
    });
  };
}
