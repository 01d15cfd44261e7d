import { TriplineError } from "@tripline/contracts/error-table";
import { z } from "zod";
import type { InferenceServer } from "../inference/inference-server.js";
import type { RestInfer } from "./read-infer-body.js";
import { parametersSchema, parseInferJson, toInfer } from "./read-infer-body.js";

export interface ManagedInfer {
  readonly infer: RestInfer;
  /** Whether the body has `instances`; the response then has `predictions`. */
  readonly isInstances: boolean;
}

/** Version or alias of the model. It is a parameter because these paths do not contain a version. */
const VERSION = "model_version";

const managedBody = z.looseObject({
  instances: z.array(z.array(z.unknown())).min(1).optional(),
  inputs: z.unknown().optional(),
  parameters: parametersSchema,
});

/**
 * Parses a request to a managed endpoint: Vertex AI's `instances`, one feature vector each, or the JSON of the Open
 * Inference Protocol. The first model of the service scores it.
 *
 * @throws TriplineError `malformed-json`, `invalid-field`, `invalid-tensor`, `model-not-found`, `scoring-unavailable`
 */
export function readManagedBody(
  body: Buffer,
  server: Pick<InferenceServer, "firstModel" | "modelMetadata">,
): ManagedInfer {
  const value = parseInferJson(body);
  const { instances, inputs, parameters } = checkBody(value);
  if ((instances === undefined) === (inputs === undefined)) {
    throw new TriplineError(
      "invalid-field",
      "The body must contain either `instances`, a list of feature vectors, or `inputs`, as in the Open Inference Protocol.",
    );
  }
  const { [VERSION]: version = "" } = parameters;
  if (typeof version !== "string") {
    throw new TriplineError("invalid-field", `The request parameter "${VERSION}" must be a string.`);
  }
  const model = server.firstModel();
  if (instances === undefined) return { infer: toInfer(value, NO_BINARY, model, version), isInstances: false };
  const name = server.modelMetadata(model, version).inputs[0]?.name ?? "";
  const shape = [instances.length, widthOf(instances)];
  const given = { parameters, inputs: [{ name, datatype: "FP32", shape, data: instances }] };
  return { infer: toInfer(given, NO_BINARY, model, version), isInstances: true };
}

const NO_BINARY = Buffer.alloc(0);

function checkBody(value: unknown): z.infer<typeof managedBody> {
  const result = managedBody.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new TriplineError("invalid-field", `The body's ${issue?.path.join(".") || "content"}: ${issue?.message}.`);
}

/** @throws TriplineError `invalid-tensor` if the vectors differ in length */
function widthOf(instances: readonly (readonly unknown[])[]): number {
  const width = instances[0]?.length ?? 0;
  const odd = instances.findIndex((instance) => instance.length !== width);
  if (odd === -1) return width;
  throw new TriplineError(
    "invalid-tensor",
    `Instance ${odd} has ${instances[odd]?.length} values, but instance 0 has ${width}. All instances must have the same number of values.`,
  );
}
