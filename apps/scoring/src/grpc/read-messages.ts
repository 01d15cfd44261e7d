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

/** Puts the messages of one call together from the pieces in which they come. */
export class MessageReader {
  private pieces: Buffer[] = [];
  private bytes = 0;

  /**
   * The messages that end with this piece.
   *
   * @throws TriplineError `body-too-large` for one that is too long
   */
  read(piece: Buffer): Message[] {
    this.pieces.push(piece);
    this.bytes += piece.length;
    const messages: Message[] = [];
    while (this.bytes >= PREFIX_BYTES) {
      // Joined when the length is to be read, and once more when all is there: most messages come in one piece.
      if ((this.pieces[0]?.length ?? 0) < PREFIX_BYTES) this.pieces = [Buffer.concat(this.pieces)];
      const length = this.pieces[0]?.readUInt32BE(1) ?? 0;
      if (length > MESSAGE_BYTES_MAX) throw tooLarge(length);
      const end = PREFIX_BYTES + length;
      if (this.bytes < end) break;
      const whole = this.pieces.length === 1 ? (this.pieces[0] as Buffer) : Buffer.concat(this.pieces);
      messages.push({ isCompressed: whole[0] === 1, bytes: whole.subarray(PREFIX_BYTES, end) });
      this.pieces = whole.length === end ? [] : [whole.subarray(end)];
      this.bytes -= end;
    }
    return messages;
  }

  /** Whether a message has begun and not ended. */
  get isInside(): boolean {
    return this.bytes > 0;
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
