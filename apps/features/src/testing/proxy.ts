import { once } from "node:events";
import type { Socket } from "node:net";
import { connect, createServer } from "node:net";

/** A proxy to Redis that a test can block, so that it accepts connections but forwards nothing, like a hung server. */
export interface RedisProxy {
  readonly url: string;
  /** Number of times that clients have sent this text since the proxy started, whether it was forwarded or not. */
  count(text: string): number;
  hang(): void;
  resume(): void;
  close(): void;
}

export async function startRedisProxy(redisUrl: string): Promise<RedisProxy> {
  const target = new URL(redisUrl);
  const pairs = new Set<readonly [Socket, Socket]>();
  let seen = "";
  let hangs = false;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    const pair = [client, upstream] as const;
    pairs.add(pair);
    const waiting: Buffer[] = [];
    const forward = () => {
      for (const chunk of hangs ? [] : waiting.splice(0)) upstream.write(chunk);
    };
    client.on("data", (chunk) => {
      seen += chunk.toString("latin1");
      waiting.push(chunk);
      forward();
    });
    client.on("resumed", forward);
    upstream.on("data", (chunk) => client.write(chunk));
    for (const socket of pair) {
      socket.on("error", () => {});
      socket.on("close", () => {
        for (const other of pair) other.destroy();
        pairs.delete(pair);
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  const url = new URL(redisUrl);
  url.port = String(address.port);
  return {
    url: url.href,
    count: (text) => seen.split(text).length - 1,
    hang() {
      hangs = true;
    },
    resume() {
      hangs = false;
      for (const [client] of pairs) client.emit("resumed");
    },
    close() {
      server.close();
      for (const pair of pairs) for (const socket of pair) socket.destroy();
    },
  };
}
