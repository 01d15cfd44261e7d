import type { Socket } from "node:net";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { Controller, Get, Module, Post } from "@nestjs/common";
import { createLogger } from "@tripline/telemetry/logger";
import type { RunningService, ServiceOptions } from "../start-service.js";
import { startService } from "../start-service.js";

export const SLOW_ANSWER_MS = 1_500;

@Controller()
class TestController {
  @Post("/body")
  body(): { taken: true } {
    return { taken: true };
  }
  @Post("/slow")
  async slow(): Promise<{ waited: true }> {
    await delay(SLOW_ANSWER_MS);
    return { waited: true };
  }
  @Get("/things/:id")
  thing(): { found: true } {
    return { found: true };
  }
}

@Module({ controllers: [TestController] })
class TestModule {}

/** A service with timeouts short enough for tests. */
export function startTestService(options: Partial<ServiceOptions> = {}): Promise<RunningService> {
  return startService({
    name: "guarded",
    port: 0,
    host: "127.0.0.1",
    logger: createLogger("guarded", "silent"),
    module: TestModule,
    ...options,
    limits: { checkMs: 50, headersTimeoutMs: 60_000, requestTimeoutMs: 60_000, bodyGraceMs: 60_000, ...options.limits },
  });
}

/** A response with a JSON object. */
const ANSWER = /\r\n\r\n.*\}/s;

/** A raw connection for arbitrary input. */
export class RawClient {
  readonly socket: Socket;
  /** Everything received until either side closed the connection. */
  readonly ended: Promise<string>;
  received = "";
  readonly #answered: Promise<void>;

  constructor({ url }: Pick<RunningService, "url">) {
    this.socket = connect(Number(new URL(url).port), "127.0.0.1").setEncoding("utf8");
    this.#answered = new Promise((resolve) => {
      this.socket.on("data", (text: string) => {
        this.received += text;
        if (ANSWER.test(this.received)) resolve();
      });
    });
    // A reset counts as an end; data that was already received remains valid.
    this.socket.on("error", () => undefined);
    this.ended = new Promise((resolve) => {
      this.socket.once("close", () => resolve(this.received));
    });
  }

  write(text: string): this {
    this.socket.write(text);
    return this;
  }

  /** Writes `text` repeatedly until the connection ends. */
  async drip(text: string, everyMs: number): Promise<string> {
    while (!this.socket.destroyed && this.socket.writable) {
      this.socket.write(text);
      await delay(everyMs);
    }
    return this.ended;
  }

  /** The first response on a connection that may stay open. */
  async answer(): Promise<string> {
    await Promise.race([this.#answered, this.ended]);
    if (!ANSWER.test(this.received)) throw new Error(`closed after: ${this.received}`);
    return this.received;
  }
}

/** The first `count` clients that get a response. */
export function firstAnswered(clients: readonly RawClient[], count: number): Promise<RawClient[]> {
  const answered: RawClient[] = [];
  return new Promise((resolve) => {
    const add = (client: RawClient): void => {
      answered.push(client);
      if (answered.length === count) resolve(answered);
    };
    for (const client of clients)
      void client.answer().then(
        () => add(client),
        () => undefined,
      );
  });
}

export function postHead(path: string, length: number | "chunked"): string {
  const body = length === "chunked" ? "transfer-encoding: chunked" : `content-length: ${length}`;
  return `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${body}\r\n\r\n`;
}
