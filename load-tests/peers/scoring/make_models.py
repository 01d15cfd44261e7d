"""Creates the two models of the benchmark, each with a golden batch. A fixed seed makes the files reproducible.

    python make_models.py FOLDER

The models are 300 complete trees of depth 6 over 32 features, in the form in which gradient-boosted classifiers are
exported, and a network 32-128-64-1. onnx's reference evaluator computes the expected outputs, so they do not depend on
the measured servers.
"""

import itertools
import json
import sys
from pathlib import Path

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

FEATURES = 32
TREES = 300
DEPTH = 6
LAYERS = [FEATURES, 128, 64, 1]
GOLDEN_ROWS = 32
SEED = 20_260_101
OPSETS = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]


def model_of(nodes: list[NodeProto], initializers: list[TensorProto]) -> ModelProto:
    graph = helper.make_graph(
        nodes,
        "bench",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", FEATURES])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["rows", 1])],
        initializer=initializers,
    )
    model = helper.make_model(graph, opset_imports=OPSETS, ir_version=9, producer_name="tripline-bench")
    checker.check_model(model)
    return model


def make_covers(random: np.random.Generator, inner: int, total: int) -> np.ndarray:
    """The training weight of each node, one tree per row: random for leaves, the sum of the children otherwise."""
    covers = np.zeros((TREES, total), dtype=np.float32)
    covers[:, inner:] = random.integers(1, 100, (TREES, total - inner))
    for node in reversed(range(inner)):
        covers[:, node] = covers[:, 2 * node + 1] + covers[:, 2 * node + 2]
    return covers.reshape(-1)


def make_trees(random: np.random.Generator) -> ModelProto:
    inner, total = 2**DEPTH - 1, 2 ** (DEPTH + 1) - 1
    node = np.arange(total)
    is_leaf = node >= inner
    leaves = total - inner
    columns = {
        "treeids": np.repeat(np.arange(TREES), total),
        "nodeids": np.tile(node, TREES),
        "featureids": np.where(np.tile(is_leaf, TREES), 0, random.integers(FEATURES, size=TREES * total)),
        "values": np.where(np.tile(is_leaf, TREES), 0, random.uniform(0.05, 0.95, TREES * total)).astype(np.float32),
        "truenodeids": np.tile(np.where(is_leaf, 0, 2 * node + 1), TREES),
        "falsenodeids": np.tile(np.where(is_leaf, 0, 2 * node + 2), TREES),
    }
    ensemble = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["margin"],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="SUM",
        post_transform="NONE",
        base_values=[-2.0],
        target_treeids=np.repeat(np.arange(TREES), leaves).tolist(),
        target_nodeids=np.tile(node[is_leaf], TREES).tolist(),
        target_ids=[0] * (TREES * leaves),
        target_weights=random.normal(0, 0.05, TREES * leaves).astype(np.float32).tolist(),
        nodes_hitrates=make_covers(random, inner, total).tolist(),
        nodes_modes=np.tile(np.where(is_leaf, "LEAF", "BRANCH_LT"), TREES).tolist(),
        **{f"nodes_{name}": values.tolist() for name, values in columns.items()},
    )
    return model_of([ensemble, helper.make_node("Sigmoid", ["margin"], ["probability"])], [])


def make_network(random: np.random.Generator) -> ModelProto:
    nodes, initializers, last = [], [], "features"
    for layer, (inputs, outputs) in enumerate(itertools.pairwise(LAYERS)):
        weights = random.normal(0, 1 / np.sqrt(inputs), (inputs, outputs)).astype(np.float32)
        bias = random.normal(0, 0.1, outputs).astype(np.float32)
        initializers.append(numpy_helper.from_array(weights, f"weights_{layer}"))
        initializers.append(numpy_helper.from_array(bias, f"bias_{layer}"))
        nodes.append(helper.make_node("Gemm", [last, f"weights_{layer}", f"bias_{layer}"], [f"sums_{layer}"]))
        is_last = layer == len(LAYERS) - 2
        last = "probability" if is_last else f"layer_{layer}"
        nodes.append(helper.make_node("Sigmoid" if is_last else "Relu", [f"sums_{layer}"], [last]))
    return model_of(nodes, initializers)


def write(folder: Path, name: str, model: ModelProto, random: np.random.Generator) -> None:
    inputs = random.uniform(0, 1, (GOLDEN_ROWS, FEATURES)).astype(np.float32)
    (outputs,) = ReferenceEvaluator(model).run(["probability"], {"features": inputs})
    golden = {"inputs": inputs.astype(float).tolist(), "outputs": outputs.reshape(-1).astype(float).tolist()}
    (folder / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))
    (folder / f"{name}.golden.json").write_text(json.dumps(golden) + "\n")


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(SEED)
    write(folder, "trees", make_trees(random), random)
    write(folder, "network", make_network(random), random)


if __name__ == "__main__":
    main()
