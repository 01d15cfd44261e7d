import type { ScorerPlan } from "@tripline/tree-inference/tree-scorer";
import { z } from "zod";
import { EXECUTION_PROVIDERS } from "../models/execution-providers.js";

/**
 * Messages between the service and its inference threads. Both ends validate what they receive. The two messages of
 * each run are checked by hand, because a schema would take as long as a small run.
 */

// Checks the tag instead of the class, because objects from another thread may belong to another realm.
const isFloat32Array = (value: unknown): boolean => Object.prototype.toString.call(value) === "[object Float32Array]";
const isUint8Array = (value: unknown): boolean => Object.prototype.toString.call(value) === "[object Uint8Array]";
const float32Array = z.custom<Float32Array<ArrayBuffer>>(isFloat32Array, "must be a Float32Array");
const provider = z.enum(EXECUTION_PROVIDERS);
const unavailable = z.object({ provider, reason: z.string() });

/** Passed to a thread when it is created. */
export const workerLoad = z.object({
  modelBytes: z.custom<Uint8Array>(isUint8Array, "must be a Uint8Array"),
  /** The same trees as tensor operations, if the model has them. */
  twinBytes: z.custom<Uint8Array>(isUint8Array, "must be a Uint8Array").optional(),
  inputName: z.string(),
  /** Columns of the input. */
  width: z.int().positive(),
  outputName: z.string(),
  providers: z.array(provider).min(1),
  requireGpu: z.boolean(),
  /** Rows for which other providers must return the same scores as onnxruntime, row-major. */
  golden: float32Array,
  /** Whether to prepare for contributions, if the model can be explained. */
  isExplained: z.boolean(),
});

export type WorkerLoad = z.infer<typeof workerLoad>;

const workerRequest = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("run"),
    rows: z.int().positive(),
    features: float32Array,
    /** Whether contributions are requested as well. */
    isExplained: z.boolean(),
  }),
  z.object({ kind: z.literal("close") }),
]);

export type WorkerRequest = z.infer<typeof workerRequest>;

const tensor = z.object({
  name: z.string(),
  /** onnxruntime's name for the element type; absent if it is not a tensor. */
  type: z.string().optional(),
  /** A free dimension has a name instead of a size. */
  shape: z.array(z.union([z.number(), z.string()])),
});

const workerReply = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("loaded"),
    inputs: z.array(tensor),
    outputs: z.array(tensor),
    /** Providers that run at least one node of the model, in order of preference. */
    providers: z.array(provider),
    /** Requested providers that are not available, with the reason. */
    unavailable: z.array(unavailable),
    /** The reason why contributions are unavailable; absent if they are available. */
    unexplained: z.string().optional(),
    /** The prepared model for other threads, if `trees` runs it. Created by this program, so not validated. */
    plan: z.custom<ScorerPlan>((value) => typeof value === "object" && value !== null).optional(),
  }),
  /** The cause: `model` for its bytes, `twin` for its tensor twin, `provider` for a missing execution provider. */
  z.object({ kind: z.literal("load-failed"), fault: z.enum(["model", "twin", "provider"]), reason: z.string() }),
  z.object({
    kind: z.literal("ran"),
    outputs: float32Array,
    shape: z.array(z.number()),
    /** Duration of the run inside the model, in milliseconds. */
    durationMs: z.number(),
    /** One value per feature of each row, if requested. */
    contributions: float32Array.optional(),
    /** Duration of the contributions, in milliseconds. */
    explanationMs: z.number(),
    /** The new providers, after a run for which the previous one had no memory. */
    moved: z.object({ providers: z.array(provider), unavailable: z.array(unavailable) }).optional(),
  }),
  z.object({ kind: z.literal("run-failed"), reason: z.string() }),
]);

export type WorkerReply = z.infer<typeof workerReply>;
export type LoadedModel = Extract<WorkerReply, { kind: "loaded" }>;
export type TensorSignature = LoadedModel["inputs"][number];

type RunRequest = Extract<WorkerRequest, { kind: "run" }>;
type RanReply = Extract<WorkerReply, { kind: "ran" }>;

/** @throws ZodError if it is not a request */
export function readRequest(message: unknown): WorkerRequest {
  const { kind, rows, features, isExplained } = fieldsOf<RunRequest>(message);
  if (kind === "run" && isWhole(rows) && isFloat32Array(features) && typeof isExplained === "boolean") {
    return message as RunRequest;
  }
  return workerRequest.parse(message);
}

/** @returns undefined if it is not a reply */
export function readReply(message: unknown): WorkerReply | undefined {
  const { kind, outputs, shape, durationMs, contributions, explanationMs } = fieldsOf<RanReply>(message);
  const isRan =
    kind === "ran" &&
    isFloat32Array(outputs) &&
    Array.isArray(shape) &&
    typeof durationMs === "number" &&
    (contributions === undefined || isFloat32Array(contributions)) &&
    typeof explanationMs === "number";
  return isRan ? (message as RanReply) : workerReply.safeParse(message).data;
}

function fieldsOf<T>(message: unknown): Partial<Record<keyof T, unknown>> {
  return typeof message === "object" && message !== null ? message : {};
}

function isWhole(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && value > 0;
}
