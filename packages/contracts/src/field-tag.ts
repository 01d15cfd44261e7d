import { BinaryReader } from "@bufbuild/protobuf/wire";

/** A type of the generated code. */
interface MessageType<M> {
  encode(message: M): { finish(): Uint8Array };
  decode(bytes: Uint8Array): M;
}

/**
 * The tag of a field on the wire (https://protobuf.dev/programming-guides/encoding/#structure): field × 8 + wire type. Read
 * from what the generated code writes, so that code which writes or reads a field by hand follows the .proto file.
 *
 * @param value not the field's default, which would not be written
 * @throws Error where nothing was written
 */
export function fieldTag<M, F extends keyof M>(type: MessageType<M>, field: F, value: M[F]): number {
  const message = type.decode(new Uint8Array());
  message[field] = value;
  return new BinaryReader(type.encode(message).finish()).uint32();
}

/** The number of the field in the .proto file. */
export function fieldNumber<M, F extends keyof M>(type: MessageType<M>, field: F, value: M[F]): number {
  return fieldTag(type, field, value) >>> 3;
}
