import { setTimeout as delay } from "node:timers/promises";
import type { ServerEvent, ServerListener } from "@tripline/local-stack/servers/supervise-server";

export interface WatchServersOptions {
  write(line: string): void;
  /** Rebuilds the window states. @returns an exit code */
  rebuild(): Promise<number>;
  /** The command line that rebuilds the window states. */
  readonly rebuildCommand: string;
  /** Aborted when the demo ends. */
  readonly signal: AbortSignal;
  /** Delay before each rebuild, in ms: by default 5,000. */
  readonly betweenMs?: number;
}

export interface ServerWatch {
  readonly onServer: ServerListener;
  /** Whether lost window states are being rebuilt. */
  isRebuilding(): boolean;
}

/** A rebuild waits until every features instance is connected to Valkey again. */
const REBUILDS_MAX = 3;
const BETWEEN_MS = 5_000;

/**
 * Reports what happens after a server exits, one sentence per event. The demo's Valkey has no persistence, so after its
 * restart the window states are rebuilt from the lake; until then payments get the default decision.
 */
export function watchServers(options: WatchServersOptions): ServerWatch {
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
  const onServer = ({ server, kind, sentence }: ServerEvent): void => {
    write(sentence);
    if (server !== "redis" || kind !== "restarted" || isRebuilding) return;
    isRebuilding = true;
    void rebuildStates().finally(() => {
      isRebuilding = false;
    });
  };
  return { onServer, isRebuilding: () => isRebuilding };
}
