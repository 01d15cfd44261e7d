import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { connect, createServer } from "node:net";

/** The server's interim response before the request body has arrived. */
const GO_ON = "HTTP/1.1 100 ";

/** For tests: forwards connections to a server, and cuts some. */
export class CuttingProxy {
  /** How many of the next connections are cut before any data passes. */
  cuts = 0;
  /** How many of the next connections are cut once the server has started to respond. */
  lostAnswers = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((client) => this.#pass(client));

  private constructor(private readonly target: URL) {}

  static async start(target: string): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(new URL(target));
    await once(proxy.#server.listen(0, "127.0.0.1"), "listening");
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #pass(client: Socket): void {
    client.on("error", () => {});
    if (this.cuts > 0) {
      this.cuts -= 1;
      client.destroy();
      return;
    }
    const isAnswerLost = this.lostAnswers > 0;
    if (isAnswerLost) this.lostAnswers -= 1;
    const server = connect(Number(this.target.port), this.target.hostname);
    for (const socket of [client, server]) this.#sockets.add(socket);
    server.on("error", () => client.destroy());
    client.pipe(server);
    if (!isAnswerLost) return void server.pipe(client);
    server.on("data", (data: Buffer) => {
      if (data.toString("latin1").startsWith(GO_ON)) client.write(data);
      else client.destroy();
    });
  }
}
