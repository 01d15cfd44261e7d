import type { Socket } from "node:net";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { BenchError } from "../../harness/bench-error.js";

/** A server's response. */
export interface HttpAnswer {
  readonly status: number;
  /** The head and body; each byte is a Latin-1 character. */
  readonly text: string;
}

export type OnAnswer = (answer: HttpAnswer | Error) => void;

const HEAD_END = "\r\n\r\n";
const STATUS_AT = "HTTP/1.1 ".length;
const ANSWER_BYTES_MAX = 1_000_000;

/**
 * One HTTP/1.1 connection with one request in flight, as cheap as possible: requests are prebuilt bytes, and responses
 * are searched instead of parsed. Supports only responses with `content-length`, which our servers send.
 */
export class HttpConnection {
  readonly #socket: Socket;
  #onAnswer: OnAnswer | undefined;
  #text = "";
  #wanted = -1;
  #fault: Error | undefined;

  /** @param ca PEM of the server's authority for TLS; plain TCP without it */
  constructor(port: number, onOpen: () => void, ca?: string) {
    const where = { host: "127.0.0.1", port, noDelay: true };
    this.#socket = ca === undefined ? connect(where, onOpen) : connectTls({ ...where, ca }, onOpen);
    this.#socket.on("data", (chunk: Buffer) => this.#take(chunk));
    this.#socket.on("error", (error) => this.#fail(error));
    this.#socket.on("close", () => this.#fail(new BenchError("The server closed a connection.")));
  }

  /** Whether the connection has failed. */
  get isBroken(): boolean {
    return this.#fault !== undefined;
  }

  /** Sends a request. No other request may be pending. */
  send(request: Buffer, onAnswer: OnAnswer): void {
    if (this.#fault !== undefined) {
      onAnswer(this.#fault);
      return;
    }
    this.#onAnswer = onAnswer;
    this.#socket.write(request);
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    const text = this.#text === "" ? chunk.toString("latin1") : this.#text + chunk.toString("latin1");
    if (this.#wanted < 0) this.#wanted = lengthOf(text);
    if (this.#wanted < 0 || text.length < this.#wanted) {
      this.#text = text;
      if (text.length > ANSWER_BYTES_MAX) this.#fail(new BenchError("A response is too long."));
      return;
    }
    const onAnswer = this.#onAnswer;
    this.#text = "";
    this.#wanted = -1;
    this.#onAnswer = undefined;
    onAnswer?.({ status: Number(text.slice(STATUS_AT, STATUS_AT + 3)), text });
  }

  #fail(error: Error): void {
    this.#fault ??= error;
    this.#socket.destroy();
    const onAnswer = this.#onAnswer;
    this.#onAnswer = undefined;
    onAnswer?.(error);
  }
}

/** Size of the whole response in bytes; -1 while its header is incomplete. */
function lengthOf(text: string): number {
  const headEnd = text.indexOf(HEAD_END);
  if (headEnd < 0) return -1;
  const length = Number(/\r\ncontent-length: (\d+)\r/i.exec(text.slice(0, headEnd + 2))?.[1] ?? 0);
  return headEnd + HEAD_END.length + length;
}
