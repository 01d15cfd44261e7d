import type { ModelInferResponse } from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { tensorContents } from "@tripline/contracts/inference/tensor-contents";
import { rowsOf } from "../testing/scorer.js";
import { contributionsRequest, inferRequest, readContributions, readProbabilities } from "./infer-messages.js";

test("a request contains the rows as little-endian float32, row by row", () => {
  const request = inferRequest("fraud", [
    [1, 2.5, -3],
    [0, 1e-3, 1e9],
  ]);
  expect(request).toMatchObject({ modelName: "fraud", modelVersion: "" });
  expect(request.inputs).toMatchObject([{ name: "features", datatype: "FP32", shape: [2, 3] }]);
  expect(request.rawInputContents[0]?.subarray(0, 8).toString("hex")).toBe("0000803f00002040");
  expect(rowsOf(request)).toEqual([
    [1, 2.5, -3],
    [0, Math.fround(1e-3), 1e9],
  ]);
});

function response(change: Partial<ModelInferResponse> = {}): ModelInferResponse {
  const bytes = Buffer.alloc(8);
  bytes.writeFloatLE(0.25, 0);
  bytes.writeFloatLE(0.75, 4);
  return {
    modelName: "fraud",
    modelVersion: "v1",
    id: "",
    parameters: {},
    outputs: [{ name: "probability", datatype: "FP32", shape: [2, 1], parameters: {}, contents: undefined }],
    rawOutputContents: [bytes],
    ...change,
  };
}
const output = response().outputs.slice(0, 1);
const contents = tensorContents([0.25, 0.75]);

const answers: [string, Partial<ModelInferResponse>, readonly number[] | string][] = [
  ["raw contents", {}, [0.25, 0.75]],
  ["typed contents", { rawOutputContents: [], outputs: output.map((o) => ({ ...o, contents })) }, [0.25, 0.75]],
  ["another output", { outputs: output.map((o) => ({ ...o, name: "label" })) }, 'without the output "probability"'],
  ["another type", { outputs: output.map((o) => ({ ...o, datatype: "FP64" })) }, "with FP64 instead of FP32"],
  ["too few bytes", { rawOutputContents: [Buffer.alloc(4)] }, "with 4 bytes for 2 payments"],
  ["nothing at all", { rawOutputContents: [] }, "with 0 values for 2 payments"],
  ["no version", { modelVersion: "" }, "without a model version"],
];
test.each(answers)("reads or rejects a response with %s", (_name, change, expected) => {
  expect(readProbabilities(response(change), 2)).toEqual(expected);
});

test("finds an output that is not the first", () => {
  const other = { name: "label", datatype: "INT64", shape: [2], parameters: {}, contents: undefined };
  const both = response({
    outputs: [other, ...output],
    rawOutputContents: [Buffer.alloc(16), ...response().rawOutputContents],
  });
  expect(readProbabilities(both, 2)).toEqual([0.25, 0.75]);
});

test("a request for contributions differs only in output and version", () => {
  const { modelVersion, outputs, ...rest } = contributionsRequest("fraud", "v1", [[1, 2]]);
  expect([modelVersion, outputs.map((one) => one.name)]).toEqual(["v1", ["contributions"]]);
  expect(inferRequest("fraud", [[1, 2]])).toMatchObject(rest);
});

const contributions = output.map((o) => ({ ...o, name: "contributions" }));
const explanations: [string, Partial<ModelInferResponse>, readonly (readonly number[])[] | string][] = [
  ["raw contents", {}, [[0.25], [0.75]]],
  [
    "typed contents",
    { rawOutputContents: [], outputs: contributions.map((o) => ({ ...o, contents })) },
    [[0.25], [0.75]],
  ],
  ["no such output", { outputs: output }, 'without the output "contributions"'],
  ["another version", { modelVersion: "v2" }, "for version v2, not v1"],
  ["too few bytes", { rawOutputContents: [Buffer.alloc(4)] }, "with 4 bytes for 2 payments of 1 features"],
];
test.each(explanations)("reads or rejects contributions with %s", (_name, change, expected) => {
  expect(readContributions(response({ outputs: contributions, ...change }), "v1", 2, 1)).toEqual(expected);
});
