import { ModelInferRequest } from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { rawRequest } from "../testing/service.js";
import { decodeRequest } from "./decode-request.js";

const REQUEST = rawRequest([[1, 2, 3]], { id: "own" });
const ENCODED = Buffer.from(ModelInferRequest.encode(REQUEST).finish());

test.each<[string, ModelInferRequest]>([
  ["a tensor of raw bytes", REQUEST],
  ["two tensors", { ...REQUEST, rawInputContents: [Buffer.from("ab"), Buffer.from("c")] }],
  ["a tensor without bytes", { ...REQUEST, rawInputContents: [Buffer.alloc(0)] }],
  ["a request without tensors", { ...REQUEST, rawInputContents: [] }],
  ["an empty message", ModelInferRequest.decode(Buffer.alloc(0))],
])("decodes %s as the generated code does, without copying", (_case, request) => {
  const message = Buffer.from(ModelInferRequest.encode(request).finish());
  const decoded = decodeRequest(message);
  expect(decoded).toEqual(ModelInferRequest.decode(message));
  expect(decoded.rawInputContents.every(({ buffer }) => buffer === message.buffer)).toBe(true);
});

test("decodes fields in any order", () => {
  const own = Buffer.from(ModelInferRequest.encode(ModelInferRequest.decode(Buffer.alloc(0))).finish());
  const raw = Buffer.from([0x3a, 2, 7, 8]);
  const message = Buffer.concat([raw, own, ENCODED, raw]);
  expect(decodeRequest(message)).toEqual(ModelInferRequest.decode(message));
});

test.each([1, 5, 20])("rejects a message without its last %d bytes", (bytes) => {
  expect(() => decodeRequest(ENCODED.subarray(0, ENCODED.length - bytes))).toThrow();
});
