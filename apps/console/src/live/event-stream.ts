import type { ServerResponse } from "node:http";

/** Number of unread bytes at which a slow listener is disconnected. It reconnects and misses a few seconds. */
const UNREAD_BYTES_MAX = 262_144;
/** Shorter than the idle timeout of proxies. */
const BEAT_MS = 15_000;
const RETRY_MS = 1_000;

/** The part of a Fastify reply that a stream takes over. */
export interface StreamedReply {
  readonly raw: ServerResponse;
  hijack(): unknown;
  getHeaders(): Readonly<Record<string, number | string | string[] | undefined>>;
}

/** A browser's stream of server-sent events. */
export class EventStream {
  readonly #response: ServerResponse;

  /** @param msMax after this time the stream ends and the browser opens a new one */
  constructor(reply: StreamedReply, msMax: number) {
    reply.hijack();
    this.#response = reply.raw;
    for (const [name, value] of Object.entries(reply.getHeaders()))
      if (value !== undefined) this.#response.setHeader(name, value);
    this.#response.writeHead(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      // Otherwise, nginx would buffer events.
      "x-accel-buffering": "no",
    });
    this.#response.write(`retry: ${RETRY_MS}\n\n`);
    const beat = setInterval(() => this.#write(": still here\n\n"), BEAT_MS);
    const end = setTimeout(() => this.end(), msMax);
    this.onEnd(() => {
      clearInterval(beat);
      clearTimeout(end);
    });
  }

  send(event: string, data: unknown): void {
    this.#write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  /** Calls `run` once, immediately if the browser disconnected while its session was looked up. */
  onEnd(run: () => void): void {
    if (this.#response.closed) run();
    else this.#response.once("close", run);
  }

  end(): void {
    this.#response.end();
  }

  #write(text: string): void {
    if (this.#response.writableLength > UNREAD_BYTES_MAX) this.#response.destroy();
    else if (!this.#response.writableEnded) this.#response.write(text);
  }
}
