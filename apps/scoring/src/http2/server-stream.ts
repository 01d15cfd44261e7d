import type { Headers } from "./decode-headers.js";
import { encodeFrame, FLAGS, FRAME_HEADER_BYTES, FRAMES, writeFrame } from "./frames.js";

/** What a stream needs of its connection. */
export interface StreamOwner {
  /** Longest payload that the peer takes. */
  readonly frameBytesMax: number;
  /** Bytes of data that the peer takes over all streams. */
  sendWindow: number;
  write(frame: Buffer): void;
  /** Tells the peer that it may send more on a stream. */
  widen(stream: ServerStream, bytes: number): void;
  /** The stream has been answered, or was broken off. */
  forget(stream: ServerStream): void;
}

/** One request and its answer. Who answers it sets `onData` and `onEnd`. */
export class ServerStream {
  onData: (piece: Buffer) => void = () => undefined;
  onEnd: () => void = () => undefined;
  /** What was waiting to be sent is on its way. */
  onDrain: () => void = () => undefined;
  isClosed = false;
  /** The peer has sent all that it will. */
  isRequestEnded = false;
  hasAnswered = false;
  private isHeld = false;
  private unwidened = 0;
  private waiting: Buffer[] = [];
  private trailers: Buffer | undefined;

  constructor(
    private readonly owner: StreamOwner,
    readonly id: number,
    readonly headers: Headers,
    /** Bytes of data that the peer takes on this stream. */
    public sendWindow: number,
    /** Bytes of data that the peer may still send on this stream. */
    public receiveWindow: number,
  ) {}

  /** @param block encoded headers */
  respond(block: Buffer): void {
    this.hasAnswered = true;
    this.owner.write(encodeFrame(FRAMES.headers, FLAGS.endHeaders, this.id, block));
  }

  /** Encoded headers, data and encoded trailers; in one piece where the peer has room, as it has for nearly all answers. */
  answer(headers: Buffer, data: Buffer, trailers: Buffer): void {
    const { id, owner } = this;
    if (data.length > Math.min(owner.frameBytesMax, owner.sendWindow, this.sendWindow)) {
      this.respond(headers);
      this.send(data);
      this.end(trailers);
      return;
    }
    this.hasAnswered = true;
    owner.sendWindow -= data.length;
    this.sendWindow -= data.length;
    const bytes = headers.length + data.length + trailers.length + 3 * FRAME_HEADER_BYTES;
    const all = Buffer.allocUnsafe(bytes);
    const { endHeaders, endStream } = FLAGS;
    let at = writeFrame(all, 0, { type: FRAMES.headers, flags: endHeaders, stream: id, payload: headers });
    at = writeFrame(all, at, { type: FRAMES.data, flags: 0, stream: id, payload: data });
    writeFrame(all, at, { type: FRAMES.headers, flags: endHeaders | endStream, stream: id, payload: trailers });
    owner.write(all);
    owner.forget(this);
  }

  /** Headers, and nothing after them. */
  respondOnly(block: Buffer): void {
    this.hasAnswered = true;
    this.owner.write(encodeFrame(FRAMES.headers, FLAGS.endHeaders | FLAGS.endStream, this.id, block));
    this.owner.forget(this);
  }

  /** @returns false when the peer has to make room first; then wait for `onDrain` */
  send(data: Buffer): boolean {
    if (this.isClosed) return true;
    this.waiting.push(data);
    this.flush();
    return this.waiting.length === 0;
  }

  /** Ends the answer with encoded trailers, after all data. */
  end(trailers: Buffer): void {
    if (this.isClosed) return;
    this.trailers = trailers;
    this.flush();
  }

  /** Sends what the peer has room for. */
  flush(): void {
    const hadWaiting = this.waiting.length > 0;
    for (let data = this.waiting[0]; data !== undefined; data = this.waiting[0]) {
      const bytes = Math.min(data.length, this.owner.frameBytesMax, this.owner.sendWindow, this.sendWindow);
      if (bytes <= 0 && data.length > 0) return;
      this.owner.write(encodeFrame(FRAMES.data, 0, this.id, data.subarray(0, bytes)));
      this.owner.sendWindow -= bytes;
      this.sendWindow -= bytes;
      if (bytes === data.length) this.waiting.shift();
      else this.waiting[0] = data.subarray(bytes);
    }
    if (this.trailers !== undefined) {
      this.owner.write(encodeFrame(FRAMES.headers, FLAGS.endHeaders | FLAGS.endStream, this.id, this.trailers));
      this.owner.forget(this);
    } else if (hadWaiting) this.onDrain();
  }

  /** The peer is given no more room than it has, until `resume`. */
  pause(): void {
    this.isHeld = true;
  }

  resume(): void {
    this.isHeld = false;
    this.widen(0);
  }

  /** Data has been taken: the peer may send as much again, told when it is worth a frame. */
  widen(bytes: number): void {
    this.unwidened += bytes;
    if (this.isHeld || this.isRequestEnded || this.unwidened * 2 < this.receiveWindow + this.unwidened) return;
    this.owner.widen(this, this.unwidened);
    this.receiveWindow += this.unwidened;
    this.unwidened = 0;
  }
}
