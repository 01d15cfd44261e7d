import { setTimeout as delay } from "node:timers/promises";
import type { ManagedProcess } from "../processes/managed-process.js";

/** What happened to a server that ended unexpectedly. */
export interface ServerEvent {
  readonly server: "kafka" | "redis" | "postgres";
  readonly kind: "ended" | "restarted" | "given-up";
  /** One sentence for users. */
  readonly sentence: string;
}

export type ServerListener = (event: ServerEvent) => void;

/** Number of consecutive restarts. It is reset once the server has run for a while. */
const RESTARTS_MAX = 5;
const RAN_WELL_MS = 60_000;
const BACKOFF_MS = [0, 1_000, 2_000, 4_000, 8_000];

/** Restarts a server that ends unexpectedly, up to a limited number of times, and reports it. */
export function superviseServer(
  server: ManagedProcess,
  { name, title }: { readonly name: ServerEvent["server"]; readonly title: string },
  listen: ServerListener,
): void {
  let restarts = 0;
  let startedAtMs = Date.now();
  const restart = async (): Promise<void> => {
    if (Date.now() - startedAtMs > RAN_WELL_MS) restarts = 0;
    listen({ server: name, kind: "ended", sentence: `${title} exited unexpectedly and is being restarted.` });
    let reason = "";
    while (restarts < RESTARTS_MAX && !server.isStopped) {
      await delay(BACKOFF_MS[restarts], undefined, { ref: false });
      restarts += 1;
      try {
        await server.startAgain();
        startedAtMs = Date.now();
        if (server.isRunning) listen({ server: name, kind: "restarted", sentence: `${title} is running again.` });
        return;
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
      }
    }
    if (server.isStopped) return;
    const sentence = `${title} was restarted ${RESTARTS_MAX} times and keeps failing. Stop everything and start again. ${reason}`;
    listen({ server: name, kind: "given-up", sentence: sentence.trim() });
  };
  server.onUnexpectedEnd(() => void restart());
}
