import { TriplineError } from "@tripline/contracts/error-table";
import type { GoldenBatch, ModelManifest } from "@tripline/model-registry/model-manifest";
import type { LoadedModel } from "../inference/worker-messages.js";

/** Maximum difference between an output and the trainer's output for the same row. */
export const GOLDEN_DIFFERENCE_MAX = 1e-5;

function refuse(manifest: ModelManifest, reason: string): TriplineError {
  return new TriplineError("model-refused", `Model ${manifest.name} ${manifest.version} was rejected: ${reason}.`);
}

/**
 * Rejects a model that was trained for a different version of the feature spec.
 *
 * @param version version of the feature spec; without it, all are accepted
 * @throws TriplineError `model-refused`
 */
export function checkFeatureSpec(manifest: ModelManifest, version: number | undefined): void {
  if (version === undefined || manifest.feature_spec_version === version) return;
  throw refuse(
    manifest,
    `it was trained for version ${manifest.feature_spec_version} of the feature spec, but FEATURE_SPEC_VERSION is ${version}`,
  );
}

/**
 * Compares a model's actual tensors with its manifest.
 *
 * @throws TriplineError `model-refused`
 */
export function checkSignature(loaded: LoadedModel, manifest: ModelManifest): void {
  const { input, output } = manifest;
  const [found, ...more] = loaded.inputs;
  if (found === undefined || more.length > 0 || found.name !== input.name) {
    const names = loaded.inputs.map((tensor) => `"${tensor.name}"`).join(", ") || "none";
    throw refuse(manifest, `its manifest declares one input, "${input.name}", but the file has ${names}`);
  }
  const [rows, width, ...rest] = found.shape;
  const isFreeInRows = typeof rows === "string" || rows === -1;
  if (found.type !== "float32" || !isFreeInRows || width !== input.shape[1] || rest.length > 0) {
    const is = `${found.type ?? "not a tensor"} [${found.shape.map((size) => size || "?").join(",")}]`;
    throw refuse(manifest, `its input "${input.name}" is ${is}, not float32 [rows,${input.shape[1]}]`);
  }
  const result = loaded.outputs.find((tensor) => tensor.name === output.name);
  if (result === undefined) {
    const names = loaded.outputs.map((tensor) => `"${tensor.name}"`).join(", ") || "none";
    throw refuse(manifest, `it has no output "${output.name}", only ${names}`);
  }
  if (result.type !== "float32") {
    throw refuse(manifest, `its output "${output.name}" is ${result.type ?? "not a tensor"}, not float32`);
  }
}

/** The inputs of a golden batch, row-major. */
export function goldenFeatures(golden: GoldenBatch): Float32Array<ArrayBuffer> {
  return Float32Array.from(golden.inputs.flat());
}

/**
 * Compares a model's outputs for its golden batch with the trainer's.
 *
 * @throws TriplineError `model-refused` that names the first row that differs
 */
export function checkGolden(outputs: Float32Array, golden: GoldenBatch, manifest: ModelManifest): void {
  golden.outputs.forEach((expected, row) => {
    const given = outputs[row] ?? Number.NaN;
    // Written so that NaN fails the check.
    if (Math.abs(given - expected) <= GOLDEN_DIFFERENCE_MAX) return;
    throw refuse(
      manifest,
      `row ${row} of its golden batch returns ${given}, but the trainer's score is ${expected} (the maximum difference is ${GOLDEN_DIFFERENCE_MAX})`,
    );
  });
}
