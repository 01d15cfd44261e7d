import type { Frame } from "./frames.js";
import { FLAGS, FRAME_HEADER_BYTES, FRAMES, PREFACE } from "./frames.js";
import { ERRORS, Http2Error } from "./http2-error.js";

/** Longest payload that is taken; peers are told. */
export const FRAME_BYTES_MAX = 256 * 1_024;
/** Bytes of a header block as it travels, and frames that it may come in. */
const BLOCK_BYTES_MAX = 65_536;
const BLOCK_FRAMES_MAX = 16;
const NOTHING = Buffer.alloc(0);

/** Cuts what a socket brings into frames. The frames of a header block become one. */
export class FrameReader {
  private rest: Buffer = NOTHING;
  private hasPreface = false;
  /** A frame of data that is not all there yet. What is there is passed on. */
  private data: { stream: number; flags: number; left: number } | undefined;
  private block: { stream: number; flags: number; parts: Buffer[]; bytes: number } | undefined;

  /** @throws Http2Error for what is no HTTP/2 */
  *read(chunk: Buffer): Generator<Frame> {
    const bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    let at = this.hasPreface ? 0 : this.readPreface(bytes);
    while (this.hasPreface) {
      if (this.data !== undefined) {
        const part = bytes.subarray(at, at + this.data.left);
        at += part.length;
        if (part.length > 0 || this.data.left === 0) yield this.takePart(this.data, part);
        if (this.data !== undefined) break;
      }
      if (bytes.length - at < FRAME_HEADER_BYTES) break;
      const length = bytes.readUIntBE(at, 3);
      if (length > FRAME_BYTES_MAX) throw new Http2Error(ERRORS.frameSize, `a frame has ${length} bytes`);
      const [type, flags] = [bytes[at + 3] as number, bytes[at + 4] as number];
      const stream = bytes.readUInt32BE(at + 5) & 0x7fffffff;
      const end = at + FRAME_HEADER_BYTES + length;
      if (type === FRAMES.data && (flags & FLAGS.padded) === 0 && this.block === undefined) {
        this.data = { stream, flags, left: length };
        at += FRAME_HEADER_BYTES;
        continue;
      }
      if (end > bytes.length) break;
      const payload = bytes.subarray(at + FRAME_HEADER_BYTES, end);
      const frame = this.join({ type, flags, stream, payload, bytes: length });
      at = end;
      if (frame !== undefined) yield frame;
    }
    this.rest = at === bytes.length ? NOTHING : bytes.subarray(at);
  }

  /** The end of the stream, if it is one, comes with the last part. */
  private takePart({ stream, flags, left }: { stream: number; flags: number; left: number }, part: Buffer): Frame {
    const isLast = part.length === left;
    this.data = isLast ? undefined : { stream, flags, left: left - part.length };
    const own = isLast ? flags : flags & ~FLAGS.endStream;
    return { type: FRAMES.data, flags: own, stream, payload: part, bytes: part.length };
  }

  private readPreface(bytes: Buffer): number {
    const there = Math.min(bytes.length, PREFACE.length);
    if (!bytes.subarray(0, there).equals(PREFACE.subarray(0, there))) {
      throw new Http2Error(ERRORS.protocol, "the connection does not begin as one of HTTP/2");
    }
    if (bytes.length < PREFACE.length) return 0;
    this.hasPreface = true;
    return PREFACE.length;
  }

  /** Between the frames of a header block no other one may come. */
  private join(frame: Frame): Frame | undefined {
    const { type, flags, stream } = frame;
    const { block } = this;
    if (block === undefined && type === FRAMES.continuation) {
      throw new Http2Error(ERRORS.protocol, "a header block goes on that did not begin");
    }
    if (block === undefined && type !== FRAMES.headers) return unpadded(frame);
    if (block !== undefined && (type !== FRAMES.continuation || stream !== block.stream)) {
      throw new Http2Error(ERRORS.protocol, "a header block is broken off");
    }
    const payload = block === undefined ? withoutPriority(unpadded(frame)) : frame.payload;
    const open = block ?? { stream, flags, parts: [], bytes: 0 };
    open.parts.push(payload);
    open.bytes += payload.length;
    if (open.bytes > BLOCK_BYTES_MAX || open.parts.length > BLOCK_FRAMES_MAX) {
      throw new Http2Error(ERRORS.enhanceYourCalm, "a header block is too long");
    }
    const isWhole = (flags & FLAGS.endHeaders) !== 0;
    this.block = isWhole ? undefined : open;
    if (!isWhole) return undefined;
    const whole = open.parts.length === 1 ? payload : Buffer.concat(open.parts);
    return { type: FRAMES.headers, flags: open.flags, stream, payload: whole, bytes: open.bytes };
  }
}

function unpadded(frame: Frame): Frame {
  const { type, flags, payload } = frame;
  if ((flags & FLAGS.padded) === 0 || (type !== FRAMES.data && type !== FRAMES.headers)) return frame;
  const padding = payload[0] ?? payload.length;
  if (padding >= payload.length) throw new Http2Error(ERRORS.protocol, "a frame is nothing but padding");
  return { ...frame, payload: payload.subarray(1, payload.length - padding) };
}

function withoutPriority({ flags, payload }: Frame): Buffer {
  if ((flags & FLAGS.priority) === 0) return payload;
  if (payload.length < 5) throw new Http2Error(ERRORS.frameSize, "a priority is cut off");
  return payload.subarray(5);
}
