import { createHash } from "node:crypto";
import { TriplineError } from "@tripline/contracts/error-table";
import { z } from "zod";

/** Files of a model version, by their names in its directory. */
export const MODEL_FILE = "model.onnx";
export const MANIFEST_FILE = "model.json";
export const GOLDEN_FILE = "golden.json";
/** The fallback for when the model is unavailable; versions published before 0.2 have none. */
export const SCORECARD_FILE = "scorecard.json";
/** The same trees as tensors, for execution providers without a tree kernel; networks have none. */
export const TWIN_FILE = "twin.onnx";

/** Maximum rows of a golden batch. */
export const GOLDEN_ROWS_MAX = 256;

const VERSION_PATTERN = /^[0-9a-f]{12}$/;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "must be a SHA-256 hash in hexadecimal");
const instant = z.iso.datetime({ offset: true });

/**
 * Lower case, so that a name is a valid directory on every file system; no dots, so that it cannot refer to a location
 * outside its parent.
 */
export const nameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,63}$/, "must be 1 to 64 characters from a-z, 0-9, - and _, and start with a letter");

export const versionSchema = z.string().regex(VERSION_PATTERN, "must be 12 hexadecimal digits");

const rowCount = z.int().min(0);
/** The values of a category that a model knows, most frequent first, and the number of training rows with each. */
const vocabularySchema = z
  .object({
    codes: z.array(z.int().positive()).min(1),
    rows: z.array(rowCount),
    /** Training rows with another value, and rows without a value. */
    other_rows: rowCount,
    missing_rows: rowCount,
  })
  .refine(({ codes, rows }) => codes.length === rows.length, {
    path: ["rows"],
    message: "must have one entry per code",
  });

/** Metadata published with a model: `model.json`. */
export const manifestSchema = z
  .object({
    name: nameSchema,
    version: versionSchema,
    created_at: instant,
    feature_spec_version: z.int().positive(),
    /** Names of the input columns, in order. */
    features: z.array(z.string().min(1)).min(1),
    /** Features that change the score, in the order of `features`; absent from versions published before 0.2. */
    used_features: z.array(z.string().min(1)).optional(),
    /** By feature of kind `category`: the values that the model knows. */
    categories: z.record(z.string(), vocabularySchema).optional(),
    input: z.object({
      name: z.string().min(1),
      datatype: z.literal("FP32"),
      shape: z.tuple([z.literal(-1), z.int().positive()]),
    }),
    output: z.object({
      name: z.string().min(1),
      datatype: z.literal("FP32"),
      shape: z.tuple([z.literal(-1), z.literal(1)]),
    }),
    /** Checksums. Besides the two files that every model has, a trainer may add its own files. */
    files: z
      .object({
        [MODEL_FILE]: sha256,
        [GOLDEN_FILE]: sha256,
        [SCORECARD_FILE]: sha256.optional(),
        [TWIN_FILE]: sha256.optional(),
      })
      .catchall(sha256),
    metrics: z.record(z.string(), z.unknown()),
    lineage: z.object({
      data_sha256: z.string(),
      commit: z.string().nullable(),
      params: z.record(z.string(), z.unknown()),
      trained_at: instant,
      /** Labels that arrived later were not used. */
      known_by: instant.optional(),
      /** Times of the first and the last payment of the training data. */
      data_from: instant.optional(),
      data_to: instant.optional(),
    }),
  })
  .refine((manifest) => manifest.features.length === manifest.input.shape[1], {
    path: ["features"],
    message: "must have one entry per input column",
  })
  .refine((manifest) => new Set(manifest.features).size === manifest.features.length, {
    path: ["features"],
    message: "must not contain a column twice",
  })
  .refine(({ features, categories = {} }) => Object.keys(categories).every((name) => features.includes(name)), {
    path: ["categories"],
    message: "must contain only columns of the input",
  })
  .refine(({ features, used_features: used = [] }) => used.every((name) => features.includes(name)), {
    path: ["used_features"],
    message: "must contain only columns of the input",
  });

export type ModelManifest = z.infer<typeof manifestSchema>;

/** The features that change a model's score. A version that does not list them may use all of its inputs. */
export function usedFeatures({ features, used_features }: Pick<ModelManifest, "features" | "used_features">) {
  return used_features ?? features;
}

/** Inputs with the trainer's outputs for them: `golden.json`. Values are float32. */
export const goldenSchema = z
  .object({
    inputs: z.array(z.array(z.number())).min(1).max(GOLDEN_ROWS_MAX),
    outputs: z.array(z.number()),
  })
  .refine((golden) => golden.inputs.length === golden.outputs.length, {
    path: ["outputs"],
    message: "must have one entry per input",
  });

export type GoldenBatch = z.infer<typeof goldenSchema>;

export function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** A version is derived from the content: the same bytes always have the same version. */
export function versionOf(modelBytes: Uint8Array): string {
  return sha256Hex(modelBytes).slice(0, 12);
}

export function isVersion(text: string): boolean {
  return VERSION_PATTERN.test(text);
}

/** @throws TriplineError `model-refused` if a row does not have the width of the model's input. */
export function checkGoldenWidth(golden: GoldenBatch, manifest: ModelManifest): void {
  const width = manifest.input.shape[1];
  const odd = golden.inputs.findIndex((row) => row.length !== width);
  if (odd === -1) return;
  throw new TriplineError(
    "model-refused",
    `Model ${manifest.name} ${manifest.version}: row ${odd} of ${GOLDEN_FILE} has ${golden.inputs[odd]?.length} values, ` +
      `the model's input has ${width} columns.`,
  );
}

/**
 * Parses JSON with a schema.
 *
 * @throws TriplineError `model-refused`, with the file and its first fault.
 */
export function parseJson<S extends z.ZodType>(schema: S, text: string, what: string): z.infer<S> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new TriplineError("model-refused", `${what} is not valid JSON; it may be truncated.`, [], { cause: error });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new TriplineError(
    "model-refused",
    `${what} is not valid: ${issue?.path.join(".") || "it"}: ${issue?.message ?? "unknown fault"}.`,
  );
}
