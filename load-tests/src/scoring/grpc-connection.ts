import { once } from "node:events";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { BenchError } from "../harness/bench-error.js";

/*
 * Frames of HTTP/2 (RFC 9113, section 4.1): length in 3 bytes, type, flags, stream in 4 bytes, payload.
 */
const FRAME_HEADER_BYTES = 9;
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const END_STREAM = 0x1;
const ACK = 0x1;
const END_HEADERS = 0x4;
const INITIAL_WINDOW_SIZE = 4;

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const FRAME_BYTES_MAX = 16_384;
/** Initial flow-control window of a peer, RFC 9113, section 6.9.2. */
const WINDOW_BYTES_DEFAULT = 65_535;
/** The window that we grant the peer. */
const WINDOW_BYTES_OWN = 2 ** 30;
const GRPC_PREFIX_BYTES = 5;
const CONNECT_MS_MAX = 10_000;

interface Call {
  /** Bytes of the response messages, with their prefixes. */
  readonly chunks: Buffer[];
  resolve(message: Buffer): void;
  reject(error: BenchError): void;
}

/** The address and method to call. */
export interface GrpcMethod {
  readonly authority: string;
  /** For example `/inference.GRPCInferenceService/ModelInfer`. */
  readonly path: string;
}

/**
 * A connection for unary gRPC calls to one method at almost no cost, so that a benchmark on one machine measures the
 * server. It supports only the parts of HTTP/2 that whole requests and responses need.
 */
export class GrpcConnection {
  readonly #socket: Socket;
  readonly #headers: Buffer;
  readonly #calls = new Map<number, Call>();
  #nextStream = 1;
  #sendWindow = WINDOW_BYTES_DEFAULT;
  #streamWindow = WINDOW_BYTES_DEFAULT;
  #received = 0;
  #rest: Buffer = Buffer.alloc(0);
  #unsent: { frames: Buffer; bytes: number }[] = [];

  private constructor(socket: Socket, method: GrpcMethod) {
    this.#socket = socket;
    this.#headers = headerBlock(method);
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", (error) => this.#fail(`The connection failed: ${error.message}.`));
    socket.on("close", () => this.#fail("The server closed the connection."));
    const settings = frame(SETTINGS, 0, 0, Buffer.from([0, INITIAL_WINDOW_SIZE, 0x40, 0, 0, 0]));
    socket.write(Buffer.concat([PREFACE, settings, windowUpdate(WINDOW_BYTES_OWN - WINDOW_BYTES_DEFAULT)]));
  }

  /** @throws BenchError if nothing listens at the address */
  static async open(address: string, path: string): Promise<GrpcConnection> {
    const [host = "", port = ""] = address.split(":");
    const socket = connect({ host, port: Number(port) });
    try {
      await once(socket, "connect", { signal: AbortSignal.timeout(CONNECT_MS_MAX) });
    } catch (error) {
      throw new BenchError(`${address} cannot be reached: ${error instanceof Error ? error.message : error}.`);
    }
    return new GrpcConnection(socket, { authority: address, path });
  }

  /**
   * @param message a serialised request; it must fit into the peer's stream window
   * @returns the serialised response
   * @throws BenchError if the response contains no message
   */
  call(message: Buffer): Promise<Buffer> {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    const frames = this.#requestFrames(stream, message);
    const bytes = message.length + GRPC_PREFIX_BYTES;
    if (bytes > this.#streamWindow) {
      return Promise.reject(new BenchError(`A request of ${bytes} bytes exceeds the window of ${this.#streamWindow}.`));
    }
    return new Promise((resolve, reject) => {
      this.#calls.set(stream, { chunks: [], resolve, reject });
      this.#unsent.push({ frames, bytes });
      this.#send();
    });
  }

  close(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.destroy();
  }

  #requestFrames(stream: number, message: Buffer): Buffer {
    const prefix = Buffer.alloc(GRPC_PREFIX_BYTES);
    prefix.writeUInt32BE(message.length, 1);
    const body = Buffer.concat([prefix, message]);
    const frames = [frame(HEADERS, END_HEADERS, stream, this.#headers)];
    for (let at = 0; at < body.length; at += FRAME_BYTES_MAX) {
      const isLast = at + FRAME_BYTES_MAX >= body.length;
      frames.push(frame(DATA, isLast ? END_STREAM : 0, stream, body.subarray(at, at + FRAME_BYTES_MAX)));
    }
    return Buffer.concat(frames);
  }

  /** Sends as much as the peer's window allows. */
  #send(): void {
    let count = 0;
    for (const { bytes } of this.#unsent) {
      if (bytes > this.#sendWindow) break;
      this.#sendWindow -= bytes;
      count += 1;
    }
    if (count === 0) return;
    const ready = this.#unsent.splice(0, count);
    this.#socket.write(Buffer.concat(ready.map((item) => item.frames)));
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= FRAME_HEADER_BYTES) {
      const length = bytes.readUIntBE(at, 3);
      const end = at + FRAME_HEADER_BYTES + length;
      if (end > bytes.length) break;
      const stream = bytes.readUInt32BE(at + 5) & 0x7fffffff;
      this.#take(bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, stream, bytes.subarray(at + FRAME_HEADER_BYTES, end));
      at = end;
    }
    this.#rest = bytes.subarray(at);
  }

  #take(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === DATA) this.#takeData(stream, payload);
    else if (type === SETTINGS && (flags & ACK) === 0) this.#takeSettings(payload);
    else if (type === PING && (flags & ACK) === 0) this.#socket.write(frame(PING, ACK, 0, payload));
    else if (type === GOAWAY) this.#fail("The server is shutting down.");
    else if (type === RST_STREAM) this.#end(stream, "The server reset a call.");
    else if (type === WINDOW_UPDATE && stream === 0) {
      this.#sendWindow += payload.readUInt32BE(0);
      this.#send();
    }
    if ((type === DATA || type === HEADERS) && (flags & END_STREAM) !== 0) this.#end(stream);
  }

  #takeData(stream: number, payload: Buffer): void {
    this.#calls.get(stream)?.chunks.push(payload);
    this.#received += payload.length;
    if (this.#received < WINDOW_BYTES_OWN / 2) return;
    this.#socket.write(windowUpdate(this.#received));
    this.#received = 0;
  }

  #takeSettings(payload: Buffer): void {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      if (payload.readUInt16BE(at) === INITIAL_WINDOW_SIZE) this.#streamWindow = payload.readUInt32BE(at + 2);
    }
    this.#socket.write(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
  }

  /** A response without a message is an error with its status in the trailers. */
  #end(stream: number, fault?: string): void {
    const call = this.#calls.get(stream);
    if (call === undefined) return;
    this.#calls.delete(stream);
    const body = call.chunks.length === 1 ? call.chunks[0] : Buffer.concat(call.chunks);
    if (fault !== undefined || body === undefined || body.length <= GRPC_PREFIX_BYTES) {
      call.reject(new BenchError(fault ?? "The server responded to a call with an error."));
    } else {
      call.resolve(body.subarray(GRPC_PREFIX_BYTES));
    }
  }

  #fail(sentence: string): void {
    for (const call of this.#calls.values()) call.reject(new BenchError(sentence));
    this.#calls.clear();
  }
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

function windowUpdate(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(WINDOW_UPDATE, 0, 0, payload);
}

/** The request's headers in HPACK (RFC 7541) without its dynamic table: indexed names and literal values. */
function headerBlock({ authority, path }: GrpcMethod): Buffer {
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  const [postMethod, httpScheme] = [0x83, 0x86];
  return Buffer.concat([
    Buffer.from([postMethod, httpScheme, 0x04]),
    text(path),
    Buffer.from([0x01]),
    text(authority),
    Buffer.from([0x0f, 0x10]),
    text("application/grpc"),
    Buffer.from([0x00]),
    text("te"),
    text("trailers"),
  ]);
}
