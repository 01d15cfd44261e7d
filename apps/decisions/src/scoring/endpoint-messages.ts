import type { ModelInferRequest, ModelInferResponse } from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { tensorContents } from "@tripline/contracts/inference/tensor-contents";
import { z } from "zod";
import type { NoAnswer } from "./scoring-client.js";

const FP32_BYTES = 4;
const MICROSECONDS_PER_MS = 1_000;

/**
 * An infer request in the protocol's JSON format. The path of a managed endpoint does not contain the model version,
 * and the endpoint provides no metadata. The request therefore names the version and asks for the model's properties.
 *
 * @param leftMs the time that the caller waits
 */
export function writeInferJson({ inputs, outputs, modelVersion, rawInputContents }: ModelInferRequest, leftMs: number) {
  return JSON.stringify({
    parameters: {
      timeout: Math.max(1, Math.floor(leftMs * MICROSECONDS_PER_MS)),
      properties: true,
      ...(modelVersion === "" ? {} : { model_version: modelVersion }),
    },
    inputs: inputs.map(({ name, datatype, shape }, index) => ({
      name,
      datatype,
      shape,
      data: valuesOf(rawInputContents[index] ?? Buffer.alloc(0)),
    })),
    outputs: outputs.map(({ name }) => ({ name })),
  });
}

function valuesOf(raw: Buffer): number[] {
  return Array.from({ length: raw.length / FP32_BYTES }, (_, index) => raw.readFloatLE(index * FP32_BYTES));
}

const inferAnswer = z.object({
  model_name: z.string(),
  model_version: z.string().default(""),
  parameters: z.record(z.string(), z.unknown()).default({}),
  outputs: z.array(
    z.object({
      name: z.string(),
      datatype: z.string(),
      shape: z.array(z.int()),
      // Accepts only finite numbers. Some servers write null, or NaN, which is not valid JSON.
      data: z.array(z.number()),
    }),
  ),
});

export interface EndpointAnswer {
  readonly response: ModelInferResponse;
  /** The text parameters of the response, among them the properties of the model. */
  readonly properties: Readonly<Record<string, string>>;
}

/** Reads a response of the protocol's JSON. */
export function readInferJson(text: string, modelName: string): EndpointAnswer | NoAnswer {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return unreadable("with a body that is not JSON");
  }
  const result = inferAnswer.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    return unreadable(
      `with a body that is not an inference response: ${issue?.path.join(".") || "body"}: ${issue?.message}`,
    );
  }
  const { model_name: name, model_version: modelVersion, parameters, outputs } = result.data;
  if (name !== modelName) return unreadable(`for model ${name.slice(0, NAME_CHARS_MAX)}, not ${modelName}`);
  return {
    response: {
      modelName: name,
      modelVersion,
      id: "",
      parameters: {},
      outputs: outputs.map(({ data, ...output }) => ({
        ...output,
        parameters: {},
        contents: tensorContents(data),
      })),
      rawOutputContents: [],
    },
    properties: Object.fromEntries(
      Object.entries(parameters).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
    ),
  };
}

const NAME_CHARS_MAX = 64;

/** @param detail the end of a sentence that begins "scoring responded" */
export function unreadable(detail: string): NoAnswer {
  return { failure: "unreadable", status: "DATA_LOSS", detail };
}
