import type { Socket } from "node:net";
import { HEADERS_BYTES_MAX, HeaderDecoder } from "./decode-headers.js";
import type { Frame } from "./frames.js";
import { encodeFrame, encodeNumbers, encodeSettings, FLAGS, FRAMES, SETTINGS } from "./frames.js";
import { ERRORS, Http2Error } from "./http2-error.js";
import { FRAME_BYTES_MAX, FrameReader } from "./read-frames.js";
import type { StreamOwner } from "./server-stream.js";
import { ServerStream } from "./server-stream.js";

/** Requests of one connection that may be under way. */
const STREAMS_MAX = 4_096;
/** What a peer may send ahead: on one stream, and on all together. */
const STREAM_WINDOW_BYTES = 1_024 * 1_024;
const WINDOW_BYTES = 8 * 1_024 * 1_024;
/** What both ends begin with: RFC 9113, section 6.9.2. */
const WINDOW_BYTES_DEFAULT = 65_535;
const WINDOW_BYTES_MAX = 2 ** 31 - 1;
const FRAME_BYTES_DEFAULT = 16_384;
/** While more than this waits for the peer to read, nothing of its own is read. */
const UNSENT_BYTES_MAX = 1_024 * 1_024;
/** Requests that a peer may break off in a second; to begin and break off without end would cost it nothing. */
const RESETS_PER_S_MAX = 4_096;
const LAST_STREAM = 2 ** 31 - 1;
const FAREWELL = Buffer.from("farewell");

/**
 * The server's end of a connection of HTTP/2 (RFC 9113) without TLS, for requests that have a body and answers that have
 * trailers. Frames of one turn of the event loop are written together.
 */
export class ServerConnection implements StreamOwner {
  frameBytesMax = FRAME_BYTES_DEFAULT;
  sendWindow = WINDOW_BYTES_DEFAULT;
  private readonly reader = new FrameReader();
  private readonly decoder = new HeaderDecoder();
  private readonly streams = new Map<number, ServerStream>();
  private readonly unsent: Buffer[] = [];
  private isFlushing = false;
  private streamWindow = WINDOW_BYTES_DEFAULT;
  private lastStream = 0;
  private unwidened = 0;
  private readonly takers = new Map<number, (frame: Frame) => void>([
    [FRAMES.data, (frame) => this.takeData(frame)],
    [FRAMES.headers, (frame) => this.takeHeaders(frame)],
    [FRAMES.rstStream, (frame) => this.takeReset(frame)],
    [FRAMES.settings, (frame) => this.takeSettings(frame)],
    [FRAMES.ping, (frame) => this.takePing(frame)],
    [FRAMES.windowUpdate, (frame) => this.takeWindow(frame)],
    [FRAMES.pushPromise, refusePush],
  ]);
  private resets = { count: 0, sinceMs: 0 };
  private isEnding = false;
  private takesNoMore = false;

  constructor(
    private readonly socket: Socket,
    private readonly onStream: (stream: ServerStream) => void,
  ) {
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.read(chunk));
    socket.on("drain", () => socket.resume());
    // Its requests are told that it is gone, and nobody else needs to be.
    socket.on("error", () => undefined);
    socket.on("close", () => this.closeStreams());
    const settings = encodeSettings([
      [SETTINGS.maxConcurrentStreams, STREAMS_MAX],
      [SETTINGS.initialWindowSize, STREAM_WINDOW_BYTES],
      [SETTINGS.maxFrameSize, FRAME_BYTES_MAX],
      [SETTINGS.maxHeaderListSize, HEADERS_BYTES_MAX],
    ]);
    this.write(encodeFrame(FRAMES.settings, 0, 0, settings));
    this.widenAll(WINDOW_BYTES - WINDOW_BYTES_DEFAULT);
  }

  /** Lets what is under way end, takes nothing more, and closes. */
  endInOrder(): void {
    if (this.isEnding) return;
    this.isEnding = true;
    this.write(encodeFrame(FRAMES.goAway, 0, 0, encodeNumbers(LAST_STREAM, ERRORS.none)));
    // When this comes back, the peer has read that it is to begin nothing more, and what it began before is here.
    this.write(encodeFrame(FRAMES.ping, 0, 0, FAREWELL));
  }

  /** Breaks off what is under way. */
  destroy(): void {
    for (const { id } of this.streams.values()) {
      this.write(encodeFrame(FRAMES.rstStream, 0, id, encodeNumbers(ERRORS.cancel)));
    }
    this.breakOff(ERRORS.none);
  }

  write(frame: Buffer): void {
    this.unsent.push(frame);
    if (this.isFlushing) return;
    this.isFlushing = true;
    // After all that follows from this turn of the event loop by itself, so that it is written together.
    process.nextTick(() => this.flush());
  }

  widen(stream: ServerStream, bytes: number): void {
    this.write(encodeFrame(FRAMES.windowUpdate, 0, stream.id, encodeNumbers(bytes)));
  }

  forget(stream: ServerStream): void {
    stream.isClosed = true;
    if (!this.streams.delete(stream.id)) return;
    // What else the peer would send is of no use, and it need not wait to be told so.
    if (!stream.isRequestEnded) {
      this.write(encodeFrame(FRAMES.rstStream, 0, stream.id, encodeNumbers(ERRORS.none)));
    }
    this.closeIfDone();
  }

  private flush(): void {
    this.isFlushing = false;
    if (this.unsent.length === 0 || this.socket.destroyed) return;
    const bytes = this.unsent.length === 1 ? (this.unsent[0] as Buffer) : Buffer.concat(this.unsent);
    this.unsent.length = 0;
    this.socket.write(bytes);
    if (this.socket.writableLength > UNSENT_BYTES_MAX) this.socket.pause();
  }

  private read(chunk: Buffer): void {
    try {
      for (const frame of this.reader.read(chunk)) this.take(frame);
    } catch (error) {
      this.breakOff(error instanceof Http2Error ? error.code : ERRORS.internal);
    }
  }

  private breakOff(code: number): void {
    this.unsent.push(encodeFrame(FRAMES.goAway, 0, 0, encodeNumbers(this.lastStream, code)));
    this.flush();
    this.socket.destroySoon();
    this.closeStreams();
  }

  private closeStreams(): void {
    for (const stream of this.streams.values()) stream.isClosed = true;
    this.streams.clear();
  }

  private closeIfDone(): void {
    if (!this.takesNoMore || this.streams.size > 0) return;
    this.flush();
    this.socket.destroySoon();
  }

  private take(frame: Frame): void {
    const take = this.takers.get(frame.type);
    // Priorities, the peer's farewell, and what is not known are of no matter here.
    take?.(frame);
  }

  private takeHeaders({ flags, stream: id, payload }: Frame): void {
    // Read in any case, for blocks after it refer to it.
    const headers = this.decoder.decode(payload);
    const isEnd = (flags & FLAGS.endStream) !== 0;
    const open = this.streams.get(id);
    if (open !== undefined || id <= this.lastStream) {
      if (open !== undefined && isEnd) this.endRequest(open);
      return;
    }
    if (id % 2 === 0) throw new Http2Error(ERRORS.protocol, "a stream of a client has an even number");
    this.lastStream = id;
    if (this.takesNoMore || this.streams.size >= STREAMS_MAX) {
      this.write(encodeFrame(FRAMES.rstStream, 0, id, encodeNumbers(ERRORS.refusedStream)));
      return;
    }
    const stream = new ServerStream(this, id, headers, this.streamWindow, STREAM_WINDOW_BYTES);
    this.streams.set(id, stream);
    this.onStream(stream);
    if (isEnd) this.endRequest(stream);
  }

  private takeData({ flags, stream: id, payload, bytes }: Frame): void {
    if (id === 0 || id > this.lastStream) throw new Http2Error(ERRORS.protocol, "data come on no stream");
    this.unwidened += bytes;
    if (this.unwidened > WINDOW_BYTES) throw new Http2Error(ERRORS.flowControl, "the connection's window is overrun");
    if (this.unwidened * 2 >= WINDOW_BYTES) this.widenAll(this.unwidened);
    const stream = this.streams.get(id);
    if (stream === undefined) return;
    if (stream.isRequestEnded) throw new Http2Error(ERRORS.streamClosed, "data come after the end");
    stream.receiveWindow -= bytes;
    if (stream.receiveWindow < 0) throw new Http2Error(ERRORS.flowControl, "a stream's window is overrun");
    if ((flags & FLAGS.endStream) !== 0) stream.isRequestEnded = true;
    if (payload.length > 0) stream.onData(payload);
    stream.widen(bytes);
    if (stream.isRequestEnded && !stream.isClosed) stream.onEnd();
  }

  private endRequest(stream: ServerStream): void {
    if (stream.isRequestEnded) throw new Http2Error(ERRORS.streamClosed, "headers come after the end");
    stream.isRequestEnded = true;
    stream.onEnd();
  }

  private widenAll(bytes: number): void {
    this.write(encodeFrame(FRAMES.windowUpdate, 0, 0, encodeNumbers(bytes)));
    this.unwidened = 0;
  }

  private takeReset({ stream: id, payload }: Frame): void {
    if (payload.length !== 4) throw new Http2Error(ERRORS.frameSize, "a reset has another length than 4");
    if (id === 0 || id > this.lastStream) throw new Http2Error(ERRORS.protocol, "a stream is reset that did not begin");
    const stream = this.streams.get(id);
    if (stream === undefined) return;
    stream.isRequestEnded = true;
    this.forget(stream);
    const nowMs = performance.now();
    if (nowMs > this.resets.sinceMs + 1_000) this.resets = { count: 0, sinceMs: nowMs };
    this.resets.count += 1;
    if (this.resets.count > RESETS_PER_S_MAX) throw new Http2Error(ERRORS.enhanceYourCalm, "too many resets");
  }

  private takeSettings({ flags, payload }: Frame): void {
    if ((flags & FLAGS.ack) !== 0) return;
    if (payload.length % 6 !== 0) throw new Http2Error(ERRORS.frameSize, "settings are cut off");
    for (let at = 0; at < payload.length; at += 6)
      this.takeSetting(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    this.write(encodeFrame(FRAMES.settings, FLAGS.ack, 0, Buffer.alloc(0)));
    this.flushStreams();
  }

  private takeSetting(id: number, value: number): void {
    if (id === SETTINGS.maxFrameSize) {
      if (value < FRAME_BYTES_DEFAULT || value >= 2 ** 24)
        throw new Http2Error(ERRORS.protocol, "a frame size is wrong");
      this.frameBytesMax = value;
    }
    if (id !== SETTINGS.initialWindowSize) return;
    if (value > WINDOW_BYTES_MAX) throw new Http2Error(ERRORS.flowControl, "a window is too large");
    for (const stream of this.streams.values()) stream.sendWindow += value - this.streamWindow;
    this.streamWindow = value;
  }

  private takePing({ flags, payload }: Frame): void {
    if (payload.length !== 8) throw new Http2Error(ERRORS.frameSize, "a ping has another length than 8");
    if ((flags & FLAGS.ack) === 0) {
      this.write(encodeFrame(FRAMES.ping, FLAGS.ack, 0, payload));
    } else if (this.isEnding && payload.equals(FAREWELL)) {
      this.takesNoMore = true;
      this.write(encodeFrame(FRAMES.goAway, 0, 0, encodeNumbers(this.lastStream, ERRORS.none)));
      this.closeIfDone();
    }
  }

  private takeWindow({ stream: id, payload }: Frame): void {
    if (payload.length !== 4) throw new Http2Error(ERRORS.frameSize, "a window has another length than 4");
    const bytes = payload.readUInt32BE(0) & 0x7fffffff;
    const stream = this.streams.get(id);
    if (id === 0) this.sendWindow += bytes;
    else if (stream !== undefined) stream.sendWindow += bytes;
    if (bytes === 0 || this.sendWindow > WINDOW_BYTES_MAX || (stream?.sendWindow ?? 0) > WINDOW_BYTES_MAX) {
      throw new Http2Error(bytes === 0 ? ERRORS.protocol : ERRORS.flowControl, "a window is none");
    }
    if (id === 0) this.flushStreams();
    else stream?.flush();
  }

  private flushStreams(): void {
    for (const stream of [...this.streams.values()]) stream.flush();
  }
}

function refusePush(): never {
  throw new Http2Error(ERRORS.protocol, "a client pushes");
}
