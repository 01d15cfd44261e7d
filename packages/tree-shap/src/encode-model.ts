import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** Trees for tests, and their ONNX files. */
export type TestTree = TestLeaf | TestSplit;

export interface TestLeaf {
  readonly value: number;
  readonly cover: number;
}

export interface TestSplit {
  readonly feature: number;
  readonly mode: string;
  readonly threshold: number;
  readonly missingTrue: boolean;
  readonly whenTrue: TestTree;
  readonly whenFalse: TestTree;
}

export interface TestModel {
  readonly features: number;
  readonly trees: readonly TestTree[];
  readonly baseValues?: readonly number[];
  readonly opType?: string;
  /** Attributes to add to the trees or to replace; undefined removes an attribute. */
  readonly attributes?: Readonly<Record<string, AttributeValue | undefined>>;
  readonly inputShape?: readonly (number | undefined)[];
  readonly elementType?: number;
  /** Additional graph nodes before the trees. */
  readonly nodesBefore?: readonly TestNode[];
  readonly nodesAfter?: readonly TestNode[];
  /** One-dimensional float32 initializers. */
  readonly constants?: Readonly<Record<string, readonly number[]>>;
  /** One-dimensional int64 initializers. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  /** The graph's output tensor. Default: the output of the trees. */
  readonly output?: string;
  /** The trees' input tensor. */
  readonly treesRead?: string;
  readonly isPacked?: boolean;
}

/** Without trees, the graph consists only of the other nodes, such as a network. */
export type TestGraph = Omit<TestModel, "trees"> & Partial<Pick<TestModel, "trees">>;

export interface TestNode {
  readonly opType: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, AttributeValue | undefined>>;
}

export type AttributeValue =
  | { readonly floats: readonly number[] }
  | { readonly ints: readonly number[] }
  | { readonly strings: readonly string[] }
  | { readonly int: number }
  | { readonly string: string };

export function coverOf(tree: TestTree): number {
  return "cover" in tree ? tree.cover : coverOf(tree.whenTrue) + coverOf(tree.whenFalse);
}

/** A ModelProto with the input `features`: one tree ensemble and other nodes. Field numbers are from onnx.proto. */
export function encodeModel(model: TestGraph): Uint8Array<ArrayBuffer> {
  const graph = new BinaryWriter();
  for (const node of [...(model.nodesBefore ?? []), ...ensembleOf(model), ...(model.nodesAfter ?? [])]) {
    graph.tag(1, WireType.LengthDelimited).bytes(encodeNode(node, model.isPacked ?? false));
  }
  const shape = model.inputShape ?? [undefined, model.features];
  for (const [name, values] of Object.entries(model.constants ?? {})) {
    graph.tag(5, WireType.LengthDelimited).bytes(encodeTensor(name, values));
  }
  for (const [name, values] of Object.entries(model.shapes ?? {})) {
    graph.tag(5, WireType.LengthDelimited).bytes(encodeShape(name, values));
  }
  graph.tag(2, WireType.LengthDelimited).string("test");
  graph.tag(11, WireType.LengthDelimited).bytes(encodeInput("features", model.elementType ?? 1, shape));
  graph.tag(12, WireType.LengthDelimited).bytes(encodeInput(model.output ?? "margin", 1, [undefined, 1]));
  const whole = new BinaryWriter();
  whole.tag(1, WireType.Varint).int64(8);
  whole.tag(7, WireType.LengthDelimited).bytes(graph.finish());
  for (const [domain, version] of [
    ["", 15],
    ["ai.onnx.ml", 3],
  ] as const) {
    const opset = new BinaryWriter()
      .tag(1, WireType.LengthDelimited)
      .string(domain)
      .tag(2, WireType.Varint)
      .int64(version);
    whole.tag(8, WireType.LengthDelimited).bytes(opset.finish());
  }
  return whole.finish();
}

function ensembleOf({ trees, treesRead, baseValues, attributes, ...model }: TestGraph): TestNode[] {
  if (trees === undefined) return [];
  const opType = model.opType ?? "TreeEnsembleRegressor";
  return [
    {
      opType,
      inputs: [treesRead ?? "features"],
      outputs: ["margin"],
      domain: "ai.onnx.ml",
      attributes: { ...treeAttributes(trees, opType, baseValues ?? []), ...attributes },
    },
  ];
}

/** An addition to a model's graph. */
export interface GraphExtension {
  readonly nodes: readonly TestNode[];
  /** One-dimensional float32 initializers. */
  readonly constants: Readonly<Record<string, readonly number[]>>;
  /** One-dimensional int64 initializers. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  /** An additional output tensor of the graph: float32 [rows, 1]. */
  readonly output: string;
}

/** A ModelProto with additional nodes at the end of its graph. Protobuf merges a message that occurs twice. */
export function extendModel(modelBytes: Uint8Array, extension: GraphExtension): Uint8Array<ArrayBuffer> {
  const { nodes, constants, shapes = {}, output } = extension;
  const graph = new BinaryWriter();
  for (const node of nodes) graph.tag(1, WireType.LengthDelimited).bytes(encodeNode(node, false));
  for (const [name, values] of Object.entries(constants)) {
    graph.tag(5, WireType.LengthDelimited).bytes(encodeTensor(name, values));
  }
  for (const [name, values] of Object.entries(shapes)) {
    graph.tag(5, WireType.LengthDelimited).bytes(encodeShape(name, values));
  }
  graph.tag(12, WireType.LengthDelimited).bytes(encodeInput(output, 1, [undefined, 1]));
  const part = new BinaryWriter().tag(7, WireType.LengthDelimited).bytes(graph.finish()).finish();
  const whole = new Uint8Array(modelBytes.length + part.length);
  whole.set(modelBytes);
  whole.set(part, modelBytes.length);
  return whole;
}

function treeAttributes(
  trees: readonly TestTree[],
  opType: string,
  baseValues: readonly number[],
): Record<string, AttributeValue> {
  const nodes: { tree: number; id: number; node: TestTree; whenTrue: number; whenFalse: number }[] = [];
  for (const [tree, root] of trees.entries()) {
    let ids = 0;
    const add = (node: TestTree): number => {
      const entry = { tree, id: ids, node, whenTrue: 0, whenFalse: 0 };
      ids += 1;
      nodes.push(entry);
      if (!("cover" in node)) {
        entry.whenTrue = add(node.whenTrue);
        entry.whenFalse = add(node.whenFalse);
      }
      return entry.id;
    };
    add(root);
  }
  const leaves = nodes.flatMap(({ tree, id, node }) => ("cover" in node ? [{ tree, id, value: node.value }] : []));
  const splitOr = <T>(node: TestTree, read: (split: TestSplit) => T, leaf: T): T =>
    "cover" in node ? leaf : read(node);
  const kind = opType === "TreeEnsembleClassifier" ? "class" : "target";
  return {
    nodes_treeids: { ints: nodes.map(({ tree }) => tree) },
    nodes_nodeids: { ints: nodes.map(({ id }) => id) },
    nodes_featureids: { ints: nodes.map(({ node }) => splitOr(node, ({ feature }) => feature, 0)) },
    nodes_modes: { strings: nodes.map(({ node }) => splitOr(node, ({ mode }) => mode, "LEAF")) },
    nodes_values: { floats: nodes.map(({ node }) => splitOr(node, ({ threshold }) => threshold, 0)) },
    nodes_truenodeids: { ints: nodes.map(({ whenTrue }) => whenTrue) },
    nodes_falsenodeids: { ints: nodes.map(({ whenFalse }) => whenFalse) },
    nodes_missing_value_tracks_true: {
      ints: nodes.map(({ node }) => splitOr(node, ({ missingTrue }) => Number(missingTrue), 0)),
    },
    nodes_hitrates: { floats: nodes.map(({ node }) => coverOf(node)) },
    [`${kind}_treeids`]: { ints: leaves.map(({ tree }) => tree) },
    [`${kind}_nodeids`]: { ints: leaves.map(({ id }) => id) },
    [`${kind}_ids`]: { ints: leaves.map(() => 0) },
    [`${kind}_weights`]: { floats: leaves.map(({ value }) => value) },
    base_values: { floats: baseValues },
    ...(kind === "class" ? { classlabels_int64s: { ints: [0, 1] } } : { n_targets: { int: 1 } }),
  };
}

function encodeNode(node: TestNode, isPacked: boolean): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  for (const input of node.inputs) writer.tag(1, WireType.LengthDelimited).string(input);
  for (const output of node.outputs) writer.tag(2, WireType.LengthDelimited).string(output);
  writer.tag(4, WireType.LengthDelimited).string(node.opType);
  for (const [name, value] of Object.entries(node.attributes ?? {})) {
    if (value === undefined) continue;
    writer.tag(5, WireType.LengthDelimited).bytes(encodeAttribute(name, value, isPacked));
  }
  writer.tag(7, WireType.LengthDelimited).string(node.domain ?? "");
  return writer.finish();
}

function encodeTensor(name: string, values: readonly number[]): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Varint).int64(values.length);
  writer.tag(2, WireType.Varint).int32(1);
  writer.tag(8, WireType.LengthDelimited).string(name);
  writer.tag(9, WireType.LengthDelimited).bytes(new Uint8Array(Float32Array.from(values).buffer));
  return writer.finish();
}

function encodeShape(name: string, values: readonly number[]): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Varint).int64(values.length);
  writer.tag(2, WireType.Varint).int32(7);
  writer.tag(8, WireType.LengthDelimited).string(name);
  writer.tag(9, WireType.LengthDelimited).bytes(new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer));
  return writer.finish();
}

function encodeAttribute(name: string, value: AttributeValue, isPacked: boolean): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.LengthDelimited).string(name);
  writer.tag(20, WireType.Varint).int32(attributeTypeOf(value));
  if ("int" in value) writer.tag(3, WireType.Varint).int64(value.int);
  if ("string" in value) writer.tag(4, WireType.LengthDelimited).string(value.string);
  if ("strings" in value) for (const one of value.strings) writer.tag(9, WireType.LengthDelimited).string(one);
  if ("floats" in value && isPacked) {
    writer.tag(7, WireType.LengthDelimited).fork();
    for (const one of value.floats) writer.float(one);
    writer.join();
  } else if ("floats" in value) {
    for (const one of value.floats) writer.tag(7, WireType.Bit32).float(one);
  }
  if ("ints" in value && isPacked) {
    writer.tag(8, WireType.LengthDelimited).fork();
    for (const one of value.ints) writer.int64(one);
    writer.join();
  } else if ("ints" in value) {
    for (const one of value.ints) writer.tag(8, WireType.Varint).int64(one);
  }
  return writer.finish();
}

/** Constants of AttributeProto.AttributeType. */
function attributeTypeOf(value: AttributeValue): number {
  if ("int" in value) return 2;
  if ("string" in value) return 3;
  if ("floats" in value) return 6;
  return "ints" in value ? 7 : 8;
}

function encodeInput(
  name: string,
  elementType: number,
  shape: readonly (number | undefined)[],
): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.LengthDelimited).string(name);
  writer.tag(2, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.Varint).int32(elementType);
  writer.tag(2, WireType.LengthDelimited).fork();
  for (const length of shape) {
    writer.tag(1, WireType.LengthDelimited).fork();
    if (length === undefined) writer.tag(2, WireType.LengthDelimited).string("rows");
    else writer.tag(1, WireType.Varint).int64(length);
    writer.join();
  }
  writer.join().join().join();
  return writer.finish();
}
