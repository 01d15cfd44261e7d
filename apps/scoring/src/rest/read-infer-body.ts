import { TriplineError } from "@tripline/contracts/error-table";
import type { InferParameter, ModelInferRequest } from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { tensorContents } from "@tripline/contracts/inference/tensor-contents";
import { z } from "zod";

/** An infer request from HTTP, in the form of a gRPC message. */
export interface RestInfer {
  readonly request: ModelInferRequest;
  /** Whether an output follows the JSON as binary data. */
  isBinaryOutput(name: string): boolean;
}

/** Maximum nesting of a tensor, one level per dimension. */
const NESTING_MAX = 8;

export const parametersSchema = z.record(z.string(), z.union([z.boolean(), z.number(), z.string()])).default({});
const size = z.int().min(0);

const inferBody = z.object({
  id: z.string().default(""),
  parameters: parametersSchema,
  inputs: z.array(
    z.object({
      name: z.string(),
      datatype: z.string(),
      shape: z.array(z.int()),
      parameters: parametersSchema,
      data: z.unknown().optional(),
    }),
  ),
  outputs: z.array(z.object({ name: z.string(), parameters: parametersSchema })).default([]),
});

type RestInput = z.infer<typeof inferBody>["inputs"][number];

/**
 * Parses an infer request: JSON, followed by binary data if the JSON says so.
 *
 * @param headerLength bytes of the JSON, from `Inference-Header-Content-Length`; the whole body if it is absent
 * @throws TriplineError `malformed-json`, `invalid-header`, `invalid-field` that names the field, `invalid-tensor` that
 * names the tensor
 */
export function readInferBody(
  body: Buffer,
  headerLength: string | undefined,
  modelName: string,
  modelVersion: string,
): RestInfer {
  const jsonLength = readHeaderLength(headerLength, body.length);
  return toInfer(parseInferJson(body.subarray(0, jsonLength)), body.subarray(jsonLength), modelName, modelVersion);
}

/**
 * @param value the JSON of an infer request
 * @param binary the data that follows it
 * @throws TriplineError `invalid-field`, `invalid-tensor`
 */
export function toInfer(value: unknown, binary: Buffer, modelName: string, modelVersion: string): RestInfer {
  const { id, parameters, inputs, outputs } = checkBody(value);
  const rawInputContents = readBinary(inputs, binary);
  const isRaw = rawInputContents.length > 0;
  const isBinary = new Map(outputs.map((output) => [output.name, output.parameters.binary_data]));
  return {
    request: {
      modelName,
      modelVersion,
      id,
      parameters: toParameters(parameters),
      inputs: inputs.map(({ name, datatype, shape, parameters, data }) => ({
        name,
        datatype,
        shape,
        parameters: toParameters(parameters),
        contents: isRaw || data === undefined ? undefined : tensorContents(flatten(name, data)),
      })),
      outputs: outputs.map((output) => ({ name: output.name, parameters: toParameters(output.parameters) })),
      rawInputContents,
    },
    isBinaryOutput: (name) => (isBinary.get(name) ?? parameters.binary_data_output) === true,
  };
}

function readHeaderLength(header: string | undefined, bodyLength: number): number {
  if (header === undefined) return bodyLength;
  const length = /^\d{1,9}$/.test(header) ? Number(header) : Number.NaN;
  if (length <= bodyLength) return length;
  throw new TriplineError(
    "invalid-header",
    `Inference-Header-Content-Length is "${header.slice(0, 20)}", but must be the length of the JSON in a body of ${bodyLength} bytes.`,
  );
}

/** @throws TriplineError `malformed-json` */
export function parseInferJson(json: Buffer): unknown {
  try {
    return JSON.parse(json.toString("utf8"));
  } catch {
    throw new TriplineError("malformed-json", "The body is not valid JSON. NaN and Infinity are not valid in JSON.");
  }
}

function checkBody(value: unknown): z.infer<typeof inferBody> {
  const result = inferBody.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new TriplineError("invalid-field", `The body's ${issue?.path.join(".") || "content"}: ${issue?.message}.`);
}

/** The binary data of each input in order; empty if the values are in the JSON. */
function readBinary(inputs: readonly RestInput[], binary: Buffer): Buffer[] {
  const sizes = inputs.map(({ name, parameters, data }) => {
    const given = parameters.binary_data_size;
    if (given === undefined) return undefined;
    const parsed = size.safeParse(given);
    if (!parsed.success || data !== undefined) {
      const fault = parsed.success ? "data as well" : `a binary_data_size of ${JSON.stringify(given)}`;
      throw new TriplineError(
        "invalid-tensor",
        `Input "${name}" has ${fault}. Send its values once, with their size in bytes.`,
      );
    }
    return parsed.data;
  });
  let at = 0;
  const contents = inputs.flatMap(({ name }, index) => {
    const bytes = sizes[index];
    if (bytes === undefined) return [];
    if (at + bytes > binary.length) {
      throw new TriplineError(
        "invalid-tensor",
        `Input "${name}" has a binary_data_size of ${bytes}, but only ${binary.length - at} bytes follow the JSON. The body is truncated.`,
      );
    }
    at += bytes;
    return [binary.subarray(at - bytes, at)];
  });
  if (at === binary.length) return contents;
  const names = inputs.map((input) => `"${input.name}"`).join(", ");
  throw new TriplineError(
    "invalid-tensor",
    `${binary.length - at} bytes after the JSON belong to no input: the binary_data_size of ${names} is ${at}.`,
  );
}

function flatten(name: string, data: unknown): number[] {
  const values: number[] = [];
  const add = (part: unknown, depth: number): void => {
    if (Array.isArray(part) && depth < NESTING_MAX) for (const item of part) add(item, depth + 1);
    else if (typeof part === "number") values.push(part);
    else {
      const is = Array.isArray(part) ? "a deeply nested array" : JSON.stringify(part)?.slice(0, 40);
      throw new TriplineError(
        "invalid-tensor",
        `Input "${name}" has ${is} as value ${values.length}, which must be a number.`,
      );
    }
  };
  add(data, 0);
  return values;
}

function toParameters(given: Readonly<Record<string, boolean | number | string>>): Record<string, InferParameter> {
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, { parameterChoice: choiceOf(value) }]));
}

function choiceOf(value: boolean | number | string): InferParameter["parameterChoice"] {
  if (typeof value === "boolean") return { $case: "boolParam", value };
  if (typeof value === "string") return { $case: "stringParam", value };
  return Number.isSafeInteger(value) ? { $case: "int64Param", value } : { $case: "doubleParam", value };
}
