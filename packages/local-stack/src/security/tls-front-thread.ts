import { once } from "node:events";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { createServer } from "node:tls";
import { parentPort, workerData } from "node:worker_threads";

/** Start parameters of the thread. */
export interface TlsFrontPlan {
  readonly port: number;
  readonly serverPort: number;
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
}

const CONNECTIONS_MAX = 1_024;
const HANDSHAKE_MS_MAX = 10_000;

const { port, serverPort, certificate, key } = workerData as TlsFrontPlan;

function keep(socket: Socket, other: Socket): void {
  socket.once("close", () => other.destroy());
  socket.on("error", () => undefined);
}

const server = createServer(
  { minVersion: "TLSv1.3", handshakeTimeout: HANDSHAKE_MS_MAX, noDelay: true, cert: certificate, key },
  (client) => {
    const behind = connect({ port: serverPort, host: "127.0.0.1", noDelay: true });
    keep(client, behind);
    keep(behind, client);
    client.pipe(behind).pipe(client);
  },
);
server.maxConnections = CONNECTIONS_MAX;
server.listen(port, "127.0.0.1");
await once(server, "listening");
parentPort?.postMessage("listening");
