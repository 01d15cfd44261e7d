import { LANES, LEAF_BYTES, LEAF_NUMBERS, NODE_BYTES, REACHED, SUMS } from "./memory-layout.js";
import type { Code, WasmFunction } from "./wasm-code.js";
import { againIf, constant, f32, get, i32, loop, set, tee, V128, v128 } from "./wasm-code.js";

/** Parameters of the code: addresses of the first tree's splits and leaves, and the end of the last tree's leaves. */
const [NODES, LEAVES, LEAVES_END] = [0, 1, 2];
/** Vector locals follow. Each level of a tree stores its left half in one of them while the right half is computed. */
const VECTORS = 3;

/**
 * Runs 16 rows through complete trees of one depth and adds the leaves that they reach to the rows' sums, tree by tree.
 *
 * Every split is compared for all rows at once. Then, from the lowest splits up, each split selects one of the
 * results of its two halves for each row. This is faster than following each row's own path, because there are no
 * data-dependent branches to mispredict.
 */
export function treeCode(name: string, depth: number): WasmFunction {
  const tree = [
    constant(0),
    reachedLeaf(depth, 0, 0),
    v128.store(REACHED),
    Array.from({ length: LANES }, (_, lane) => addLeaf(lane)),
  ];
  const nodesBytes = (2 ** depth - 1) * NODE_BYTES;
  const leavesBytes = 2 ** depth * LEAF_BYTES;
  const code = loop([
    tree,
    [get(NODES), constant(nodesBytes), i32.add(), set(NODES)],
    [get(LEAVES), constant(leavesBytes), i32.add(), tee(LEAVES)],
    [get(LEAVES_END), i32.lessUnsigned(), againIf(0)],
  ]);
  return { name, parameters: 3, locals: new Array<number>(depth - 1).fill(V128), code };
}

/**
 * Pushes onto the stack, for each row, the number of the leaf that it reaches below a node.
 *
 * @param levels of splits from this node down
 * @param node number of the node: the root is 0, and the children of n are 2n + 1 and 2n + 2
 * @param firstLeaf number of the leftmost leaf below the node
 */
function reachedLeaf(levels: number, node: number, firstLeaf: number): Code {
  const isRight = [
    get(NODES),
    i32.load(node * NODE_BYTES),
    v128.load(0),
    get(NODES),
    v128.splat4(node * NODE_BYTES + 4),
    v128.greaterBytes(),
  ];
  if (levels === 1) {
    // True is -1, so subtracting it gives the next leaf.
    return [constant(0), v128.load(LEAF_NUMBERS + (firstLeaf / 2) * LANES), isRight, v128.subtractBytes()];
  }
  const left = VECTORS + levels - 2;
  return [
    [reachedLeaf(levels - 1, 2 * node + 1, firstLeaf), set(left)],
    [reachedLeaf(levels - 1, 2 * node + 2, firstLeaf + 2 ** (levels - 1)), get(left)],
    [isRight, v128.choose()],
  ];
}

/** Sums are float32 and in tree order, as in onnxruntime. */
function addLeaf(lane: number): Code {
  return [
    constant(0),
    [constant(0), f32.load(SUMS + lane * 4)],
    [constant(0), i32.loadByte(REACHED + lane), constant(Math.log2(LEAF_BYTES)), i32.shiftLeft()],
    [get(LEAVES), i32.add(), f32.load(0), f32.add(), f32.store(SUMS + lane * 4)],
  ];
}
