import { BinaryWriter } from "@bufbuild/protobuf/wire";

/** A type of the generated code. */
export interface MessageType<M> {
  encode(message: M, writer?: BinaryWriter): BinaryWriter;
}

/** Kept from message to message: its buffer has grown to what a message takes, and growing costs more than writing. */
const writer = new BinaryWriter();

/**
 * A message as protobuf, in its own bytes.
 *
 * @throws Error for a value that its field cannot hold
 */
export function encodeMessage<M>(type: MessageType<M>, message: M): Uint8Array {
  try {
    return type.encode(message, writer).finish();
  } catch (error) {
    // Forgets the half of a message that was written.
    writer.finish();
    throw error;
  }
}
