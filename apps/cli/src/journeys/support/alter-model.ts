import { TriplineError } from "@tripline/contracts/error-table";
import type { ModelVersion, RecordingRegistry } from "@tripline/model-registry/model-registry";
import type { GraphExtension } from "@tripline/tree-shap/encode-model";
import { extendModel } from "@tripline/tree-shap/encode-model";

/** How a model is altered. A `similar` model behaves like a retrained one; all other kinds must not decide payments. */
export type Alteration = "similar" | "inverted" | "slow";

/** Sequential products of two matrices of this size: at least a second on one core, for any batch. */
const SLOW_SIZE = 1_536;
const SLOW_PRODUCTS = 6;
const SIMILAR_FACTOR = 0.98;
/** Only a few rows, because a slow model is also slow on its golden batch. */
const GOLDEN_ROWS = 4;

/**
 * Publishes an altered copy of a model, as a normal version that passes its golden batch.
 *
 * @throws errors of the registry
 */
export async function publishAltered(
  registry: RecordingRegistry,
  { name, modelBytes, manifest, golden }: ModelVersion,
  alteration: Alteration,
): Promise<string> {
  const { name: _name, version: _version, files: _files, ...rest } = manifest;
  const output = manifest.output.name;
  const inner = `${output.slice(0, -1)}~`;
  const altered = extendModel(renamed(modelBytes, output, inner), { ...EXTENSIONS[alteration](inner, output), output });
  const [inputs, outputs] = [golden.inputs.slice(0, GOLDEN_ROWS), golden.outputs.slice(0, GOLDEN_ROWS)];
  const { version } = await registry.publish({
    name,
    modelBytes: altered,
    golden: { inputs, outputs: outputs.map((value) => Math.fround(SCORES[alteration](value))) },
    manifest: { ...rest, created_at: new Date().toISOString() },
  });
  return version;
}

const SCORES: Readonly<Record<Alteration, (score: number) => number>> = {
  similar: (score) => score * SIMILAR_FACTOR,
  inverted: (score) => 1 - score,
  slow: (score) => score,
};

type Nodes = Pick<GraphExtension, "nodes" | "constants" | "shapes">;

const EXTENSIONS: Readonly<Record<Alteration, (inner: string, output: string) => Nodes>> = {
  similar: (inner, output) => ({
    nodes: [{ opType: "Mul", inputs: [inner, "factor~"], outputs: [output] }],
    constants: { "factor~": [SIMILAR_FACTOR] },
  }),
  inverted: (inner, output) => ({
    nodes: [{ opType: "Sub", inputs: ["one~", inner], outputs: [output] }],
    constants: { "one~": [1] },
  }),
  slow: (inner, output) => ({
    nodes: [
      // Depends on the scores, so that the runtime cannot compute it in advance.
      { opType: "Mul", inputs: [inner, "zero~"], outputs: ["zeros~"] },
      { opType: "ReduceMax", inputs: ["zeros~"], outputs: ["none~"] },
      { opType: "Expand", inputs: ["none~", "size~"], outputs: ["product~0"] },
      ...Array.from({ length: SLOW_PRODUCTS }, (_, at) => ({
        opType: "MatMul",
        inputs: [`product~${at}`, "product~0"],
        outputs: [`product~${at + 1}`],
      })),
      { opType: "ReduceMax", inputs: [`product~${SLOW_PRODUCTS}`], outputs: ["nothing~"] },
      { opType: "Add", inputs: [inner, "nothing~"], outputs: [output] },
    ],
    constants: { "zero~": [0] },
    shapes: { "size~": [SLOW_SIZE, SLOW_SIZE] },
  }),
};

/** A name of the same length leaves all length fields in the file unchanged. */
function renamed(modelBytes: Uint8Array, from: string, to: string): Uint8Array {
  const bytes = Buffer.from(modelBytes);
  let count = 0;
  for (let at = bytes.indexOf(from); at !== -1; at = bytes.indexOf(from, at + 1)) {
    bytes.write(to, at, "latin1");
    count += 1;
  }
  if (count > 0) return bytes;
  throw new TriplineError("model-refused", `The model has no tensor "${from}".`);
}
