import type { CategoryColumn } from "./read-categories.js";
import { readCategories } from "./read-categories.js";
import type { OnnxGraph, OnnxInput, OnnxNode } from "./read-onnx.js";
import { unsupported } from "./shap-error.js";

/** The tree ensemble of a graph, and its input tensor. */
export interface FoundEnsemble {
  readonly node: OnnxNode;
  readonly input: OnnxInput;
  /** Columns of `input`. */
  readonly width: number;
  /** The category columns, which the ensemble reads as numbers of a vocabulary. */
  readonly categories: readonly CategoryColumn[];
}

const ML_DOMAIN = "ai.onnx.ml";
const ENSEMBLES = ["TreeEnsembleClassifier", "TreeEnsembleRegressor"];
/** float32 in TensorProto.DataType. */
const FLOAT = 1;

/**
 * Finds the only ensemble that reads the model's input. Nodes after the ensemble (a sigmoid, a calibration, a column
 * selection) do not affect contributions to the margin, but a second node that reads the input would.
 *
 * @param inputName required name of the input; undefined accepts any name
 * @throws ShapError `unsupported-model`
 */
export function findEnsemble(graph: OnnxGraph, inputName: string | undefined): FoundEnsemble {
  const [input, ...others] = graph.inputs;
  if (input === undefined || others.length > 0) {
    throw unsupported(
      `it has ${graph.inputs.length} inputs (${graph.inputs.map(({ name }) => name).join(", ")}), not one`,
    );
  }
  if (inputName !== undefined && inputName !== input.name) {
    throw unsupported(`its input is named ${input.name}, not ${inputName}`);
  }
  const width = input.shape[1];
  if (input.elementType !== FLOAT || input.shape.length !== 2 || width === undefined || width < 1) {
    throw unsupported(`its input ${input.name} must be float32 of shape [rows, a fixed number of features]`);
  }
  const replaced = readCategories(graph, input.name);
  const readers = readersOf(graph, replaced?.tensor ?? input.name);
  const [node] = readers;
  if (node === undefined || readers.length > 1 || node.domain !== ML_DOMAIN || !ENSEMBLES.includes(node.opType)) {
    const found = readers.length === 0 ? "nothing" : readers.map(({ opType }) => opType).join(", ");
    throw unsupported(`its input ${input.name} must be read by one ${ENSEMBLES.join(" or ")}, but is read by ${found}`);
  }
  if (replaced !== undefined && readersOf(graph, input.name).length > 1) {
    throw unsupported(`its input ${input.name} is also read without its categories`);
  }
  return { node, input, width, categories: replaced?.categories ?? [] };
}

/** The nodes that read a tensor, directly or through identity nodes. */
function readersOf(graph: OnnxGraph, tensor: string): OnnxNode[] {
  const same = new Set([tensor]);
  const readers: OnnxNode[] = [];
  // The nodes of an ONNX graph are sorted topologically.
  for (const node of graph.nodes) {
    if (!node.inputs.some((name) => same.has(name))) continue;
    const passesOn = node.opType === "Identity" || (node.opType === "Cast" && node.attributes.get("to")?.int === FLOAT);
    if (passesOn) for (const output of node.outputs) same.add(output);
    else readers.push(node);
  }
  return readers;
}
