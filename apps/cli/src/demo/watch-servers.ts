import type { ServerEvent, ServerListener } from "@tripline/local-stack/servers/supervise-server";

export interface WatchServersOptions {
  write(line: string): void;
  /** Loads the profiles that Valkey has lost. */
  loadProfiles(): Promise<void>;
  /** Aborted when the demo ends. */
  readonly signal: AbortSignal;
}

/**
 * Reports what happens after a server exits, one sentence per event. The demo's Valkey has no persistence, so after its
 * restart, the worker restores the window states from the lake, and the demo loads the profiles again.
 */
export function watchServers({ write, loadProfiles, signal }: WatchServersOptions): ServerListener {
  return ({ server, kind, sentence }: ServerEvent): void => {
    write(sentence);
    if (server !== "redis" || kind !== "restarted") return;
    write("Valkey restarted without data. The window states are being restored from the lake.");
    void loadProfiles().catch((error: Error) => {
      if (!signal.aborted) write(`The profiles could not be loaded: ${error.message}`);
    });
  };
}
