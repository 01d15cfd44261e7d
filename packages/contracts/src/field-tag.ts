import { BinaryReader } from "@bufbuild/protobuf/wire";

/** An encoder from the generated code. */
interface MessageType<M> {
  encode(message: M): { finish(): Uint8Array };
  decode(bytes: Uint8Array): M;
}

/**
 * The tag of a field on the wire (https://protobuf.dev/programming-guides/encoding/#structure): field number × 8 + wire
 * type. The tag is read from the output of the generated code, so hand-written encoders and decoders follow the .proto
 * file.
 *
 * @param value not the field's default, which is not written
 * @throws Error if nothing was written
 */
export function fieldTag<M, F extends keyof M>(type: MessageType<M>, field: F, value: M[F]): number {
  const message = type.decode(new Uint8Array());
  message[field] = value;
  return new BinaryReader(type.encode(message).finish()).uint32();
}

/** The field's number in the .proto file. */
export function fieldNumber<M, F extends keyof M>(type: MessageType<M>, field: F, value: M[F]): number {
  return fieldTag(type, field, value) >>> 3;
}
