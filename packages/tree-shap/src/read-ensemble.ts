import type { ChosenOutput } from "./choose-output.js";
import { chooseOutput } from "./choose-output.js";
import type { FoundEnsemble } from "./find-ensemble.js";
import type { OnnxNode } from "./read-onnx.js";
import { ShapError } from "./shap-error.js";
import type { TreeEnsemble } from "./tree-ensemble.js";
import { LEAF, previousFloat32 } from "./tree-ensemble.js";

/** The `nodes_*` attributes of an ensemble, one entry per node and attribute. */
interface NodeColumns {
  readonly treeIds: readonly number[];
  readonly nodeIds: readonly number[];
  readonly featureIds: readonly number[];
  readonly modes: readonly string[];
  readonly values: readonly number[];
  readonly trueIds: readonly number[];
  readonly falseIds: readonly number[];
  /** 1 if a missing value takes the branch of a true comparison. */
  readonly missingTrue: readonly number[];
  readonly covers: readonly number[] | undefined;
  /** Position of each node, by `nodeKey`. */
  readonly positions: ReadonlyMap<number, number>;
}

/** Larger ids would not fit into a combined key. */
const ID_MAX = 2 ** 26 - 1;
/**
 * Tolerance, as a share, between a parent's cover and the sum of its children's covers, because covers are sums of
 * rounded numbers.
 */
const COVER_GAP_MAX = 0.01;

/**
 * The trees of an ensemble in the form that TreeSHAP needs.
 *
 * @param output number of the class or target to explain; optional if there is only one
 * @param options `hasCovers: false` leaves the shares of the training data at 0, for callers that do not need them
 * @throws ShapError `malformed-model`, `unsupported-model`, `no-covers`, `invalid-request` for a missing output
 */
export function readEnsemble(
  { node, width }: FoundEnsemble,
  output: number | undefined,
  { hasCovers }: { readonly hasCovers: boolean } = { hasCovers: true },
): TreeEnsemble {
  const columns = readColumns(node, width, hasCovers);
  const chosen = chooseOutput(node, new Set(columns.treeIds).size, output);
  return new EnsembleBuilder(columns, chosen).build(width);
}

class EnsembleBuilder {
  private readonly values = new Map<number, number>();
  private count = 0;
  private readonly feature: Int32Array;
  private readonly threshold: Float32Array;
  private readonly nanLeft: Uint8Array;
  private readonly left: Int32Array;
  private readonly right: Int32Array;
  private readonly leftShare: Float64Array;
  private readonly rightShare: Float64Array;
  private readonly value: Float64Array;

  constructor(
    private readonly columns: NodeColumns,
    private readonly chosen: ChosenOutput,
  ) {
    const nodes = columns.treeIds.length;
    this.feature = new Int32Array(nodes);
    this.threshold = new Float32Array(nodes);
    this.nanLeft = new Uint8Array(nodes);
    this.left = new Int32Array(nodes);
    this.right = new Int32Array(nodes);
    this.leftShare = new Float64Array(nodes);
    this.rightShare = new Float64Array(nodes);
    this.value = new Float64Array(nodes);
    for (const { treeId, nodeId, weight } of chosen.weights) {
      const position = columns.positions.get(nodeKey(treeId, nodeId));
      if (position === undefined || columns.modes[position] !== "LEAF") {
        throw malformed(`a weight is given to node ${nodeId} of tree ${treeId}, which is not a leaf`);
      }
      this.values.set(position, (this.values.get(position) ?? 0) + weight);
    }
  }

  build(width: number): TreeEnsemble {
    const relevant = new Set(this.chosen.weights.map(({ treeId }) => treeId));
    const roots = this.findRoots().filter((position) => relevant.has(at(this.columns.treeIds, position)));
    const numbers = Int32Array.from(roots, (position) => this.addTree(position));
    const nodes = this.columns.treeIds.filter((treeId) => relevant.has(treeId)).length;
    if (this.count !== nodes)
      throw malformed(`${nodes - this.count} nodes cannot be reached from the root of their tree`);
    const { count } = this;
    return {
      features: width,
      baseValue: this.chosen.baseValue,
      roots: numbers,
      feature: this.feature.slice(0, count),
      threshold: this.threshold.slice(0, count),
      nanLeft: this.nanLeft.slice(0, count),
      left: this.left.slice(0, count),
      right: this.right.slice(0, count),
      leftShare: this.leftShare.slice(0, count),
      rightShare: this.rightShare.slice(0, count),
      value: this.value.slice(0, count),
    };
  }

  /** The nodes without a parent: one per tree, unless the tree has a cycle. */
  private findRoots(): number[] {
    const { treeIds, modes, trueIds, falseIds } = this.columns;
    const children = new Set<number>();
    for (let position = 0; position < treeIds.length; position += 1) {
      if (modes[position] === "LEAF") continue;
      for (const id of [at(trueIds, position), at(falseIds, position)]) {
        const child = this.columns.positions.get(nodeKey(at(treeIds, position), id));
        if (child === undefined) throw malformed(`${this.nameOf(position)} has an unknown child ${id}`);
        if (children.has(child))
          throw malformed(`${this.nameOf(child)} has two parents, or is twice the child of one parent`);
        children.add(child);
      }
    }
    const roots = treeIds.flatMap((_, position) => (children.has(position) ? [] : [position]));
    const rooted = new Set(roots.map((position) => treeIds[position]));
    if (rooted.size !== roots.length) throw malformed("a tree has two roots");
    return roots;
  }

  /** Copies a tree, parents first. Every node except the root has one parent, so this terminates. */
  private addTree(root: number): number {
    const first = this.count;
    const open = [{ position: root, cameFrom: undefined as Int32Array | undefined, parent: 0 }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { position, cameFrom, parent } = next;
      const number = this.count;
      this.count += 1;
      if (cameFrom !== undefined) cameFrom[parent] = number;
      if (this.columns.modes[position] === "LEAF") {
        this.feature[number] = LEAF;
        this.value[number] = (this.values.get(position) ?? 0) * this.chosen.scale;
        continue;
      }
      const { leftPosition, rightPosition } = this.addSplit(number, position);
      open.push({ position: rightPosition, cameFrom: this.right, parent: number });
      open.push({ position: leftPosition, cameFrom: this.left, parent: number });
    }
    return first;
  }

  /**
   * Converts a comparison to "at most": v < t is v ≤ the float before t, and v > t is the negation of v ≤ t, except for
   * NaN, for which every comparison is false (https://github.com/onnx/onnx/blob/main/docs/Operators-ml.md).
   */
  private addSplit(number: number, position: number): { leftPosition: number; rightPosition: number } {
    const { treeIds, featureIds, modes, values, trueIds, falseIds, missingTrue } = this.columns;
    const mode = at(modes, position);
    const threshold = at(values, position);
    const swapped = mode === "BRANCH_GT" || mode === "BRANCH_GTE";
    const isNanTrue = at(missingTrue, position) !== 0;
    const inclusive = mode === "BRANCH_LEQ" || mode === "BRANCH_GT";
    this.feature[number] = at(featureIds, position);
    this.threshold[number] = inclusive ? threshold : previousFloat32(threshold);
    this.nanLeft[number] = isNanTrue === swapped ? 0 : 1;
    const child = (id: number): number => this.columns.positions.get(nodeKey(at(treeIds, position), id)) as number;
    const whenTrue = child(at(trueIds, position));
    const whenFalse = child(at(falseIds, position));
    const leftPosition = swapped ? whenFalse : whenTrue;
    const rightPosition = swapped ? whenTrue : whenFalse;
    this.addShares(number, position, leftPosition, rightPosition);
    return { leftPosition, rightPosition };
  }

  private addShares(number: number, position: number, left: number, right: number): void {
    const { covers } = this.columns;
    if (covers === undefined) return;
    const [own, leftCover, rightCover] = [at(covers, position), at(covers, left), at(covers, right)];
    const isSum = Math.abs(leftCover + rightCover - own) <= COVER_GAP_MAX * own;
    if (!(own > 0 && leftCover >= 0 && rightCover >= 0 && isSum)) {
      throw new ShapError(
        "no-covers",
        `The model's nodes_hitrates are not sample counts: ${this.nameOf(position)} has ${own} and its children have ` +
          `${leftCover} and ${rightCover}, which do not add up; export the model with the training data that reached each node.`,
      );
    }
    this.leftShare[number] = leftCover / own;
    this.rightShare[number] = rightCover / own;
  }

  private nameOf(position: number): string {
    return `node ${this.columns.nodeIds[position]} of tree ${this.columns.treeIds[position]}`;
  }
}

function readColumns(node: OnnxNode, width: number, hasCovers: boolean): NodeColumns {
  const ints = (name: string): readonly number[] => node.attributes.get(name)?.ints ?? [];
  const floats = (name: string): readonly number[] => node.attributes.get(name)?.floats ?? [];
  if (node.attributes.has("nodes_values_as_tensor")) {
    throw new ShapError(
      "unsupported-model",
      "Trees with double thresholds cannot be explained: export them as float32.",
    );
  }
  const treeIds = ints("nodes_treeids");
  const columns = {
    treeIds,
    nodeIds: ints("nodes_nodeids"),
    featureIds: ints("nodes_featureids"),
    modes: node.attributes.get("nodes_modes")?.strings ?? [],
    values: floats("nodes_values"),
    trueIds: ints("nodes_truenodeids"),
    falseIds: ints("nodes_falsenodeids"),
    missingTrue: orZeros(ints("nodes_missing_value_tracks_true"), treeIds.length),
    covers: hasCovers ? floats("nodes_hitrates") : undefined,
  };
  if (columns.covers?.length === 0 && treeIds.length > 0) {
    throw new ShapError(
      "no-covers",
      `The ${node.opType} has no nodes_hitrates: export the model with the training data that reached each node.`,
    );
  }
  for (const [name, column] of Object.entries(columns)) {
    if (column === undefined) continue;
    if (column.length !== treeIds.length || treeIds.length === 0) {
      throw malformed(`it has ${treeIds.length} nodes but ${column.length} ${name}`);
    }
  }
  const positions = positionsOf(columns.treeIds, columns.nodeIds);
  columns.modes.forEach((mode, position) => {
    checkMode(mode);
    const feature = at(columns.featureIds, position);
    if (mode !== "LEAF" && !(Number.isInteger(feature) && feature >= 0 && feature < width)) {
      throw malformed(`a node compares feature ${feature}, but the input has ${width} features`);
    }
    if (mode !== "LEAF" && Number.isNaN(at(columns.values, position))) throw malformed("a threshold is not a number");
  });
  return { ...columns, positions };
}

function checkMode(mode: string): void {
  if (mode === "LEAF" || /^BRANCH_(LEQ|LT|GTE|GT)$/.test(mode)) return;
  if (/^BRANCH_(EQ|NEQ)$/.test(mode)) {
    throw new ShapError("unsupported-model", `Trees that use ${mode} on categorical features cannot be explained.`);
  }
  throw malformed(`nodes_modes contains ${mode.slice(0, 40)}`);
}

function positionsOf(treeIds: readonly number[], nodeIds: readonly number[]): Map<number, number> {
  const positions = new Map<number, number>();
  treeIds.forEach((treeId, position) => {
    const key = nodeKey(treeId, at(nodeIds, position));
    if (positions.has(key)) throw malformed(`tree ${treeId} has two nodes ${nodeIds[position]}`);
    positions.set(key, position);
  });
  return positions;
}

/** Combines the ids of a tree and a node. */
function nodeKey(treeId: number, nodeId: number): number {
  for (const id of [treeId, nodeId]) {
    if (!Number.isInteger(id) || id < 0 || id > ID_MAX) throw malformed(`${id} is not the number of a tree or node`);
  }
  return treeId * (ID_MAX + 1) + nodeId;
}

function orZeros(column: readonly number[], length: number): readonly number[] {
  return column.length === 0 ? new Array<number>(length).fill(0) : column;
}

/** An entry of a column, whose length has been checked. */
function at<T>(column: readonly T[], position: number): T {
  return column[position] as T;
}

function malformed(reason: string): ShapError {
  return new ShapError("malformed-model", `The model's trees contradict themselves: ${reason}; export it again.`);
}
