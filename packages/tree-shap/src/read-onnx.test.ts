import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { readOnnx } from "./read-onnx.js";

const INT64_MAX = 2n ** 63n - 1n;
/** Field numbers of onnx.proto. */
const MODEL = { graph: 7 } as const;
const GRAPH = { node: 1, initializer: 5 } as const;
const NODE = { attribute: 5 } as const;
const ATTRIBUTE = { name: 1, floats: 7, ints: 8 } as const;
const TENSOR = { dataType: 2, int64Data: 7, name: 8, rawData: 9 } as const;
/** TensorProto.DataType. */
const INT64 = 7;

function message(...fields: readonly (readonly [field: number, content: Uint8Array])[]): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  for (const [field, content] of fields) writer.tag(field, WireType.LengthDelimited).bytes(content);
  return writer.finish();
}
const modelOf = (field: number, content: Uint8Array) => message([MODEL.graph, message([field, content])]);

function tensorOf(write: (writer: BinaryWriter) => BinaryWriter): Uint8Array {
  const writer = new BinaryWriter().tag(TENSOR.name, WireType.LengthDelimited).string("ends");
  return write(writer.tag(TENSOR.dataType, WireType.Varint).int32(INT64)).finish();
}
const listed = (values: readonly bigint[]) =>
  tensorOf((writer) => {
    for (const value of values) writer.tag(TENSOR.int64Data, WireType.Varint).int64(value);
    return writer;
  });
const raw = (values: readonly bigint[]) =>
  tensorOf((writer) =>
    writer.tag(TENSOR.rawData, WireType.LengthDelimited).bytes(new Uint8Array(BigInt64Array.from(values).buffer)),
  );

test.each([
  ["one by one", listed],
  ["raw", raw],
])("reads an initializer with the largest int64, as in slices, as the nearest number (%s)", (_how, tensor) => {
  const { constants } = readOnnx(modelOf(GRAPH.initializer, tensor([1n, INT64_MAX])));
  expect(constants).toEqual(new Map([["ends", [1, Number(INT64_MAX)]]]));
});

test.each([
  ["one by one", listed],
  ["raw", raw],
])("ignores an initializer of more than 65 values (%s)", (_how, tensor) => {
  const values = Array.from({ length: 66 }, (_, index) => BigInt(index));
  expect(readOnnx(modelOf(GRAPH.initializer, tensor(values.slice(1)))).constants.get("ends")).toHaveLength(65);
  expect(readOnnx(modelOf(GRAPH.initializer, tensor(values))).constants.size).toBe(0);
});

/** A list with a declared length of four billion bytes, but only four bytes. */
const overlong = (field: number) => new Uint8Array([(field << 3) | 2, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 1, 1, 1]);
const attribute = (content: Uint8Array) => modelOf(GRAPH.node, message([NODE.attribute, content]));
/** Groups (https://protobuf.dev/programming-guides/encoding/#groups) of an unknown field. */
const groups = (depth: number) => new Uint8Array(depth).fill((15 << 3) | 3);

test.each([
  ["a graph longer than the file", overlong(MODEL.graph)],
  ["floats longer than the file", attribute(overlong(ATTRIBUTE.floats))],
  ["ints longer than the file", attribute(overlong(ATTRIBUTE.ints))],
  ["a name longer than the file", attribute(overlong(ATTRIBUTE.name))],
  ["values of a tensor longer than the file", modelOf(GRAPH.initializer, overlong(TENSOR.int64Data))],
  ["a million nested groups", groups(1_000_000)],
  ["a million nested groups in a graph", message([MODEL.graph, groups(1_000_000)])],
])("rejects %s", (_what, bytes) => {
  expect(() => readOnnx(bytes)).toThrow(expect.objectContaining({ code: "malformed-model" }));
});
