import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { fieldNumber } from "@tripline/contracts/field-tag";
import { ModelInferRequest } from "@tripline/contracts/generated/inference/grpc_predict_v2";

const RAW_INPUT_CONTENTS = fieldNumber(ModelInferRequest, "rawInputContents", [Buffer.of(0)]);

/**
 * Like `ModelInferRequest.decode`, except that the raw bytes of tensors, which make up nearly all of a message, are not
 * copied.
 *
 * @throws Error for bytes that are not such a message
 */
export function decodeRequest(message: Buffer): ModelInferRequest {
  const reader = new BinaryReader(message);
  const raw: Buffer[] = [];
  const others: Buffer[] = [];
  let from = 0;
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [field, type] = reader.tag();
    if (field !== RAW_INPUT_CONTENTS || type !== WireType.LengthDelimited) {
      reader.skip(type, field);
      continue;
    }
    const { buffer, byteOffset, length } = reader.bytes();
    raw.push(Buffer.from(buffer, byteOffset, length));
    if (start > from) others.push(message.subarray(from, start));
    from = reader.pos;
  }
  if (from < message.length) others.push(message.subarray(from));
  const request = ModelInferRequest.decode(others.length === 1 ? (others[0] as Buffer) : Buffer.concat(others));
  request.rawInputContents = raw;
  return request;
}
