import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { createServer } from "node:tls";
import type { Identity } from "./local-authority.js";

const CONNECTIONS_MAX = 1_024;
const HANDSHAKE_MS_MAX = 10_000;

export interface TlsFront {
  close(): Promise<void>;
}

/**
 * TLS 1.3 before a server of this machine that has none: the packaged Valkey is built without. The server itself still asks
 * everybody for a password.
 */
export async function startTlsFront(options: {
  readonly port: number;
  readonly serverPort: number;
  readonly identity: Identity;
}): Promise<TlsFront> {
  const { port, serverPort, identity } = options;
  const sockets = new Set<Socket>();
  const keep = (socket: Socket, other: Socket): void => {
    sockets.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      other.destroy();
    });
    socket.on("error", () => undefined);
  };
  const server = createServer(
    {
      minVersion: "TLSv1.3",
      handshakeTimeout: HANDSHAKE_MS_MAX,
      noDelay: true,
      cert: readFileSync(identity.certificateFile),
      key: readFileSync(identity.keyFile),
    },
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
  return {
    async close() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
