import type { AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto } from "./generated/onnx.js";
import { ModelProto } from "./generated/onnx.js";
import { ShapError } from "./shap-error.js";

/** The parts of an ONNX file that define a tree ensemble and the processing of its sum; see `proto/onnx.proto`. */
export interface OnnxGraph {
  /** Inputs without an initializer. */
  readonly inputs: readonly OnnxInput[];
  readonly nodes: readonly OnnxNode[];
  /** The values of small float32 or int64 initializers, by name. */
  readonly constants: ReadonlyMap<string, readonly number[]>;
}

export interface OnnxInput {
  readonly name: string;
  /** Constant of TensorProto.DataType, 1 is FLOAT; 0 if it is not a tensor. */
  readonly elementType: number;
  /** undefined for a free dimension. */
  readonly shape: readonly (number | undefined)[];
}

export interface OnnxNode {
  readonly domain: string;
  readonly opType: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

/** Exactly one of these is set. */
export interface OnnxAttribute {
  readonly int: number;
  readonly string: string;
  readonly floats: readonly number[];
  readonly ints: readonly number[];
  readonly strings: readonly string[];
}

/**
 * The graph of a model.
 *
 * @param bytes a serialised ModelProto
 * @throws ShapError `malformed-model` for invalid bytes
 */
export function readOnnx(bytes: Uint8Array): OnnxGraph {
  const graph = decodeGraph(bytes);
  if (graph === undefined) {
    throw new ShapError("malformed-model", "The bytes contain no ONNX graph: pass the content of an .onnx file.");
  }
  const initialized = new Set(graph.initializer.map(({ name }) => name));
  return {
    inputs: graph.input.filter(({ name }) => !initialized.has(name)).map(readInput),
    nodes: graph.node.map(readNode),
    constants: new Map(graph.initializer.flatMap(readConstant)),
  };
}

function decodeGraph(bytes: Uint8Array): GraphProto | undefined {
  try {
    return ModelProto.decode(bytes).graph;
  } catch (error) {
    throw new ShapError("malformed-model", "The bytes are not an ONNX model: pass the content of an .onnx file.", {
      cause: error,
    });
  }
}

function readNode({ domain, opType, input, output, attribute }: NodeProto): OnnxNode {
  const attributes = new Map(attribute.map((one) => [one.name, readAttribute(one)]));
  return { domain, opType, inputs: input, outputs: output, attributes };
}

function readAttribute({ i, s, floats, ints, strings }: AttributeProto): OnnxAttribute {
  return { int: Number(i), string: s, floats, ints: ints.map(Number), strings };
}

function readInput({ name, type }: ValueInfoProto): OnnxInput {
  const tensor = type?.tensorType;
  const shape = tensor?.shape?.dim.map(({ value }) => (value?.$case === "dimValue" ? Number(value.value) : undefined));
  return { name, elementType: tensor?.elemType ?? 0, shape: shape ?? [] };
}

/** Maximum values of a stored initializer. A model with 32 categories divides its input into at most 65 parts. */
const CONSTANT_VALUES_MAX = 65;
/** Constants of TensorProto.DataType. */
const [FLOAT, INT64] = [1, 7];

/** The name and values of a small tensor; empty for any other tensor. */
function readConstant({ name, dataType, floatData, int64Data, rawData }: TensorProto): [string, readonly number[]][] {
  if (dataType !== FLOAT && dataType !== INT64) return [];
  const bytes = dataType === INT64 ? 8 : 4;
  const listed = dataType === INT64 ? int64Data : floatData;
  if (Math.max(listed.length, rawData.length / bytes) > CONSTANT_VALUES_MAX) return [];
  const values = listed.map(Number);
  const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
  for (let at = 0; at + bytes <= rawData.length; at += bytes) {
    values.push(dataType === INT64 ? Number(view.getBigInt64(at, true)) : view.getFloat32(at, true));
  }
  return [[name, values]];
}
