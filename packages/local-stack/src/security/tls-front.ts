import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { Identity } from "./local-authority.js";
import type { TlsFrontPlan } from "./tls-front-thread.js";

export interface TlsFront {
  /** CPU time so far, milliseconds. */
  cpuMs(): Promise<number>;
  close(): Promise<void>;
}

/**
 * TLS 1.3 proxy for a local server without TLS, because the packaged Valkey is built without it. The server itself
 * still requires a password. The proxy runs in a thread, so that a busy process does not slow Valkey down, and the CPU
 * time of the proxy can be measured.
 *
 * @throws Error if the port is in use
 */
export async function startTlsFront(options: {
  readonly port: number;
  readonly serverPort: number;
  readonly identity: Identity;
}): Promise<TlsFront> {
  const { port, serverPort, identity } = options;
  const [certificate, key] = [identity.certificateFile, identity.keyFile].map((file) => readFileSync(file, "utf8"));
  const plan = { port, serverPort, certificate, key } as TlsFrontPlan;
  const worker = new Worker(new URL("./tls-front-thread.js", import.meta.url), { workerData: plan });
  await once(worker, "message");
  return {
    async cpuMs() {
      const { user, system } = await worker.cpuUsage();
      return (user + system) / 1_000;
    },
    async close() {
      await worker.terminate();
    },
  };
}
