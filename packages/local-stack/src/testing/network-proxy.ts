import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { connect, createServer } from "node:net";

const HOST = "127.0.0.1";

export type Direction = "requests" | "responses";

/** One direction of a connection. */
interface Way {
  readonly direction: Direction;
  readonly waiting: { readonly chunk: Buffer; readonly dueMs: number }[];
  readonly to: Socket;
}

/**
 * For tests: forwards TCP connections to a server on this machine, and can hold or delay their data, like a faulty
 * network. It always accepts new connections, but forwards no data in a direction that is held.
 */
export class NetworkProxy {
  /** Delay of all data from the server, in milliseconds. */
  responseDelayMs = 0;
  /** Called with all data from clients, whether it is forwarded or not. */
  onRequest: (chunk: Buffer) => void = () => {};
  readonly #held = new Set<Direction>();
  readonly #ways = new Set<Way>();
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((client) => this.#pass(client));

  private constructor(private targetPort: number) {}

  /** @param targetPort the server's port */
  static async start(targetPort: number): Promise<NetworkProxy> {
    const proxy = new NetworkProxy(targetPort);
    await once(proxy.#server.listen(0, HOST), "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Stops forwarding data in this direction until `release` is called. */
  hold(direction: Direction): void {
    this.#held.add(direction);
  }

  /** Forwards the data that was held, and all later data. */
  release(): void {
    this.#held.clear();
    for (const way of this.#ways) this.#forward(way);
  }

  /** Forwards new connections to another server, as if a name had a new address. Open connections do not change. */
  redirect(targetPort: number): void {
    this.targetPort = targetPort;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #pass(client: Socket): void {
    const server = connect(this.targetPort, HOST);
    for (const [direction, from, to] of [
      ["requests", client, server],
      ["responses", server, client],
    ] as const) {
      const way: Way = { direction, waiting: [], to };
      this.#ways.add(way);
      this.#sockets.add(from);
      from.setNoDelay();
      from.on("data", (chunk: Buffer) => {
        if (direction === "requests") this.onRequest(chunk);
        const delayMs = direction === "responses" ? this.responseDelayMs : 0;
        way.waiting.push({ chunk, dueMs: performance.now() + delayMs });
        this.#forward(way);
      });
      from.on("error", () => {});
      from.on("close", () => {
        this.#ways.delete(way);
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }

  #forward(way: Way): void {
    if (this.#held.has(way.direction)) return;
    const nowMs = performance.now();
    while (way.waiting[0] !== undefined && way.waiting[0].dueMs <= nowMs)
      way.to.write(way.waiting.shift()?.chunk ?? "");
    const [next] = way.waiting;
    if (next !== undefined) setTimeout(() => this.#forward(way), next.dueMs - nowMs);
  }
}
