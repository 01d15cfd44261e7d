import { fieldNumber, fieldTag } from "./field-tag.js";
import { ModelInferRequest } from "./generated/inference/grpc_predict_v2.js";
import { FeatureVector } from "./generated/tripline/events/v1/events.js";

test("tags equal those of the .proto files", () => {
  expect(fieldTag(FeatureVector, "specVersion", 1)).toBe((2 << 3) | 0);
  expect(fieldTag(FeatureVector, "values", [1])).toBe((3 << 3) | 2);
  expect(fieldTag(FeatureVector, "incomplete", true)).toBe((9 << 3) | 0);
  expect(fieldNumber(ModelInferRequest, "rawInputContents", [Buffer.of(1)])).toBe(7);
});

test("a default is not encoded, so it has no tag", () => {
  expect(() => fieldTag(FeatureVector, "specVersion", 0)).toThrow();
});
