import { promisify } from "node:util";
import { gunzip, inflate } from "node:zlib";
import { TriplineError } from "@tripline/contracts/error-table";

/*
 * A message of gRPC (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md): whether it is compressed in 1 byte,
 * its length in 4 bytes, the message.
 */
const PREFIX_BYTES = 5;
export const MESSAGE_BYTES_MAX = 16 * 1_024 * 1_024;

const DECODERS = { gzip: promisify(gunzip), deflate: promisify(inflate) };
/** Codings of messages that are read, as clients are told. */
export const CODINGS = ["identity", ...Object.keys(DECODERS)].join(",");

interface Message {
  readonly isCompressed: boolean;
  readonly bytes: Buffer;
}

/** What is made ready for a message before it is there, at most; a client that only says that one comes shall not cost more. */
const READY_BYTES_MAX = 65_536;
const NOTHING = Buffer.alloc(0);

/** Puts the messages of one call together from the pieces in which they come. */
export class MessageReader {
  /** The beginning of a message, and room for more of it. */
  private held: Buffer = NOTHING;
  private filled = 0;

  /**
   * The messages that end with this piece. They stay valid.
   *
   * @throws TriplineError `body-too-large` for one that is too long
   */
  read(piece: Buffer): Message[] {
    const bytes = this.filled === 0 ? piece : this.hold(piece);
    const messages: Message[] = [];
    let at = 0;
    while (bytes.length - at >= PREFIX_BYTES) {
      const length = bytes.readUInt32BE(at + 1);
      if (length > MESSAGE_BYTES_MAX) throw tooLarge(length);
      const end = at + PREFIX_BYTES + length;
      if (end > bytes.length) break;
      messages.push({ isCompressed: bytes[at] === 1, bytes: bytes.subarray(at + PREFIX_BYTES, end) });
      at = end;
    }
    if (at === 0 && this.filled > 0) return messages;
    this.held = NOTHING;
    this.filled = 0;
    if (at < bytes.length) this.hold(bytes.subarray(at));
    return messages;
  }

  /** Whether a message has begun and not ended. */
  get isInside(): boolean {
    return this.filled > 0;
  }

  /** @returns all that is held now */
  private hold(piece: Buffer): Buffer {
    const needed = this.filled + piece.length;
    if (needed > this.held.length) {
      const first = this.filled >= PREFIX_BYTES ? this.held : piece;
      const whole = first.length >= PREFIX_BYTES ? PREFIX_BYTES + first.readUInt32BE(1) : 0;
      // Twice as much each time for what is long, so that each byte is copied a few times at most.
      const room = Math.max(needed, Math.min(whole, Math.max(READY_BYTES_MAX, this.held.length * 2)));
      const larger = Buffer.allocUnsafeSlow(room);
      this.held.copy(larger, 0, 0, this.filled);
      this.held = larger;
    }
    piece.copy(this.held, this.filled);
    this.filled = needed;
    return this.held.subarray(0, needed);
  }
}

/**
 * @param coding what the call's `grpc-encoding` says
 * @throws TriplineError `unsupported-media-type` or `message-unreadable` when it cannot be done, `body-too-large` when it gets too long
 */
export async function decompress(bytes: Buffer, coding: string | undefined): Promise<Buffer> {
  if (coding !== "gzip" && coding !== "deflate") {
    throw new TriplineError(
      "unsupported-media-type",
      `The message is compressed by "${coding}"; it may be by ${CODINGS}.`,
    );
  }
  try {
    return await DECODERS[coding](bytes, { maxOutputLength: MESSAGE_BYTES_MAX });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(undefined);
    throw new TriplineError("message-unreadable", `The message is no ${coding}: ${message}.`);
  }
}

function tooLarge(bytes: number | undefined): TriplineError {
  const size = bytes === undefined ? "more bytes" : `${bytes} bytes`;
  return new TriplineError("body-too-large", `The message has ${size}; ${MESSAGE_BYTES_MAX} are the most.`);
}

/** A message that is not compressed, with its prefix. */
export function frameMessage(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, PREFIX_BYTES);
  return framed;
}
