import { BinaryWriter } from "@bufbuild/protobuf/wire";

/** An encoder from the generated code. */
export interface MessageType<M> {
  encode(message: M, writer?: BinaryWriter): BinaryWriter;
}

/** Reused for all messages: its buffer has already grown to their size, and growing it costs more than writing. */
const writer = new BinaryWriter();

/**
 * Encodes a message as protobuf, into a new array of bytes.
 *
 * @throws Error if a value does not fit its field
 */
export function encodeMessage<M>(type: MessageType<M>, message: M): Uint8Array {
  try {
    return type.encode(message, writer).finish();
  } catch (error) {
    // Discards the partially written message.
    writer.finish();
    throw error;
  }
}
