import type { OnnxGraph, OnnxNode } from "./read-onnx.js";
import { unsupported } from "./shap-error.js";

/** A column whose values a model replaces with numbers of its vocabulary before its trees. Unknown values become 0. */
export interface CategoryColumn {
  readonly column: number;
  /** The known values, and the number that replaces each. */
  readonly keys: readonly number[];
  readonly codes: readonly number[];
}

/** The input of a model after its categories are replaced. */
export interface ReplacedInput {
  /** The name of the tensor that the trees read. */
  readonly tensor: string;
  readonly categories: readonly CategoryColumn[];
}

const ML_DOMAIN = "ai.onnx.ml";

/**
 * Parses the nodes with which a model replaces categories: a Split of the input by columns, a LabelEncoder for each
 * category, and a Concat of all parts in their order. Models without categories have none of these nodes.
 *
 * @returns undefined if no Split reads the input
 * @throws ShapError `unsupported-model` for other nodes in between
 */
export function readCategories(graph: OnnxGraph, inputName: string): ReplacedInput | undefined {
  const split = graph.nodes.find(({ opType, inputs }) => opType === "Split" && inputs[0] === inputName);
  if (split === undefined) return undefined;
  const sizes = graph.constants.get(split.inputs[1] ?? "") ?? [];
  const axis = split.attributes.get("axis")?.int ?? 0;
  if (axis !== 1 || sizes.length !== split.outputs.length) throw unsupported("its input is not split by columns");
  const encoders = new Map(
    graph.nodes.flatMap((node) => (node.opType === "LabelEncoder" ? [[node.inputs[0] ?? "", node] as const] : [])),
  );
  const categories: CategoryColumn[] = [];
  let column = 0;
  const parts = split.outputs.map((output, index) => {
    const encoder = encoders.get(output);
    const size = sizes[index] ?? 0;
    if (encoder !== undefined && size !== 1) throw unsupported("a LabelEncoder reads several columns");
    if (encoder !== undefined) categories.push(readEncoder(encoder, column));
    column += size;
    return encoder?.outputs[0] ?? output;
  });
  const joined = graph.nodes.find(({ opType, inputs }) => opType === "Concat" && inputs[0] === parts[0]);
  const tensor = joined?.outputs[0];
  const isWhole = joined?.attributes.get("axis")?.int === 1 && joined.inputs.join() === parts.join();
  if (tensor === undefined || !isWhole) throw unsupported("the parts of its input are not joined in order");
  const inner = new Set(split.outputs);
  for (const { opType, inputs } of graph.nodes) {
    const isOwn = opType === "LabelEncoder" || opType === "Concat";
    if (!isOwn && inputs.some((name) => inner.has(name))) throw unsupported(`a ${opType} reads a part of its input`);
  }
  return { tensor, categories };
}

function readEncoder({ domain, attributes, inputs }: OnnxNode, column: number): CategoryColumn {
  const keys = attributes.get("keys_floats")?.floats ?? [];
  const codes = attributes.get("values_floats")?.floats ?? [];
  // Without default_float, unknown values become -0: https://github.com/onnx/onnx/blob/main/docs/Operators-ml.md.
  if (attributes.has("default_float")) throw unsupported("its LabelEncoder has a default other than 0");
  if (domain !== ML_DOMAIN || keys.length === 0 || keys.length !== codes.length || inputs.length !== 1) {
    throw unsupported("its LabelEncoder does not map numbers to numbers");
  }
  if (new Set(keys).size !== keys.length) throw unsupported("its LabelEncoder contains a key twice");
  return { column, keys, codes };
}

/** Replaces categories in rows with the numbers that a model's trees read. */
export class CategoryEncoder {
  readonly #columns: readonly { readonly column: number; readonly codes: ReadonlyMap<number, number> }[];

  constructor(
    categories: readonly CategoryColumn[],
    private readonly width: number,
  ) {
    this.#columns = categories.map(({ column, keys, codes }) => {
      return { column, codes: new Map(keys.map((key, at) => [key, codes[at] as number])) };
    });
  }

  /** @returns the same rows if the model has no categories, or else a copy */
  encoded(rows: Float32Array): Float32Array {
    if (this.#columns.length === 0) return rows;
    const copy = rows.slice();
    for (const { column, codes } of this.#columns) {
      for (let at = column; at < copy.length; at += this.width) copy[at] = codes.get(copy[at] as number) ?? 0;
    }
    return copy;
  }
}
