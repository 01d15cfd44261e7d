import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { ShapError } from "./shap-error.js";

/**
 * The parts of an ONNX file that say how a tree ensemble is built and what is made of its sum. Message and field numbers are those of
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto; every other field is skipped.
 */
export interface OnnxGraph {
  /** Without those that an initializer fills. */
  readonly inputs: readonly OnnxInput[];
  readonly nodes: readonly OnnxNode[];
  /** The values of small initializers of float32 or int64, by name. */
  readonly constants: ReadonlyMap<string, readonly number[]>;
}

export interface OnnxInput {
  readonly name: string;
  /** Number of TensorProto.DataType, 1 is FLOAT; 0 for what is no tensor. */
  readonly elementType: number;
  /** undefined stands for a dimension that is free. */
  readonly shape: readonly (number | undefined)[];
}

export interface OnnxNode {
  readonly name: string;
  readonly domain: string;
  readonly opType: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

/** An attribute fills one of these. */
export interface OnnxAttribute {
  readonly name: string;
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
 * @throws ShapError `malformed-model` when they are none
 */
export function readOnnx(bytes: Uint8Array): OnnxGraph {
  let graph: OnnxGraph | undefined;
  try {
    readFields(bytes, {
      7: (reader) => {
        graph = readGraph(reader.bytes());
      },
    });
  } catch (error) {
    throw new ShapError("malformed-model", "The bytes are no ONNX model: give the content of an .onnx file.", {
      cause: error,
    });
  }
  if (graph === undefined) {
    throw new ShapError("malformed-model", "The bytes hold no ONNX graph: give the content of an .onnx file.");
  }
  return graph;
}

type FieldReader = (reader: BinaryReader, wireType: WireType) => void;

/** Reads the fields of one message that have a reader, by field number, and skips the others. */
function readFields(message: Uint8Array, fields: Readonly<Record<number, FieldReader>>): void {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const read = fields[field];
    if (read === undefined) reader.skip(wireType, field);
    else read(reader, wireType);
  }
}

/** GraphProto. */
function readGraph(message: Uint8Array): OnnxGraph {
  const inputs: OnnxInput[] = [];
  const nodes: OnnxNode[] = [];
  const initialized = new Set<string>();
  const constants = new Map<string, readonly number[]>();
  readFields(message, {
    1: (reader) => nodes.push(readNode(reader.bytes())),
    5: (reader) => {
      const { name, values } = readTensor(reader.bytes());
      initialized.add(name);
      if (values !== undefined) constants.set(name, values);
    },
    11: (reader) => inputs.push(readInput(reader.bytes())),
  });
  return { inputs: inputs.filter(({ name }) => !initialized.has(name)), nodes, constants };
}

/** NodeProto. */
function readNode(message: Uint8Array): OnnxNode {
  const node = { name: "", domain: "", opType: "" };
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, OnnxAttribute>();
  readFields(message, {
    1: (reader) => inputs.push(reader.string()),
    2: (reader) => outputs.push(reader.string()),
    3: (reader) => {
      node.name = reader.string();
    },
    4: (reader) => {
      node.opType = reader.string();
    },
    5: (reader) => {
      const attribute = readAttribute(reader.bytes());
      attributes.set(attribute.name, attribute);
    },
    7: (reader) => {
      node.domain = reader.string();
    },
  });
  return { ...node, inputs, outputs, attributes };
}

/** AttributeProto. Numbers that repeat are written one by one or packed; readers have to take both. */
function readAttribute(message: Uint8Array): OnnxAttribute {
  const attribute = { name: "", int: 0, string: "" };
  const floats: number[] = [];
  const ints: number[] = [];
  const strings: string[] = [];
  readFields(message, {
    1: (reader) => {
      attribute.name = reader.string();
    },
    3: (reader) => {
      attribute.int = Number(reader.int64());
    },
    4: (reader) => {
      attribute.string = reader.string();
    },
    7: (reader, wireType) => readRepeated(reader, wireType, (one) => floats.push(one.float())),
    8: (reader, wireType) => readRepeated(reader, wireType, (one) => ints.push(Number(one.int64()))),
    9: (reader) => strings.push(reader.string()),
  });
  return { ...attribute, floats, ints, strings };
}

function readRepeated(reader: BinaryReader, wireType: WireType, readOne: (reader: BinaryReader) => void): void {
  if (wireType !== WireType.LengthDelimited) {
    readOne(reader);
    return;
  }
  const packed = new BinaryReader(reader.bytes());
  while (packed.pos < packed.len) readOne(packed);
}

/** Most values of an initializer that are kept. */
const CONSTANT_VALUES_MAX = 16;
/** Numbers of TensorProto.DataType. */
const [FLOAT, INT64] = [1, 7];

/** TensorProto: the values are in a list of their type, or raw. */
function readTensor(message: Uint8Array): { name: string; values: readonly number[] | undefined } {
  const tensor = { name: "", type: 0 };
  let raw: Uint8Array = new Uint8Array();
  const values: number[] = [];
  readFields(message, {
    2: (reader) => {
      tensor.type = reader.int32();
    },
    4: (reader, wireType) => readRepeated(reader, wireType, (one) => values.push(one.float())),
    7: (reader, wireType) => readRepeated(reader, wireType, (one) => values.push(Number(one.int64()))),
    8: (reader) => {
      tensor.name = reader.string();
    },
    9: (reader) => {
      raw = reader.bytes();
    },
  });
  const { name, type } = tensor;
  const bytes = type === INT64 ? 8 : 4;
  if ((type !== FLOAT && type !== INT64) || Math.max(values.length, raw.length / bytes) > CONSTANT_VALUES_MAX) {
    return { name, values: undefined };
  }
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  for (let at = 0; at + bytes <= raw.length; at += bytes) {
    values.push(type === INT64 ? Number(view.getBigInt64(at, true)) : view.getFloat32(at, true));
  }
  return { name, values };
}

/** ValueInfoProto, and in it TypeProto and TypeProto.Tensor. */
function readInput(message: Uint8Array): OnnxInput {
  const input = { name: "", elementType: 0 };
  let shape: (number | undefined)[] = [];
  const tensor: Record<number, FieldReader> = {
    1: (reader) => {
      input.elementType = reader.int32();
    },
    2: (reader) => {
      shape = readShape(reader.bytes());
    },
  };
  readFields(message, {
    1: (reader) => {
      input.name = reader.string();
    },
    2: (reader) => readFields(reader.bytes(), { 1: (type) => readFields(type.bytes(), tensor) }),
  });
  return { ...input, shape };
}

/** TensorShapeProto: a dimension has a length or a name, or neither. */
function readShape(message: Uint8Array): (number | undefined)[] {
  const shape: (number | undefined)[] = [];
  readFields(message, {
    1: (reader) => {
      let length: number | undefined;
      readFields(reader.bytes(), {
        1: (dimension) => {
          length = Number(dimension.int64());
        },
      });
      shape.push(length);
    },
  });
  return shape;
}
