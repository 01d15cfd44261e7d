"""Makes the registry under test-models/generated that the tests of the scoring service load.

Needs only `onnx` and `numpy`:

    python3 -m venv /tmp/models && /tmp/models/bin/pip install onnx numpy
    /tmp/models/bin/python make_models.py

Expected outputs come from onnx's reference evaluator, so they are independent of the runtime that the service uses.
The same seed gives the same bytes, hence the same versions.
"""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

FEATURES = ["amount", "card_count_1d", "card_ratio_to_mean_30d", "terminal_fraud_rate_7d"]
WIDTH = len(FEATURES)
GOLDEN_ROWS = 32
CREATED_AT = "2026-01-01T00:00:00Z"
OPSETS = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
ROOT = Path(__file__).parent / "generated" / "models" / "fraud"


def model_of(nodes, initializers=(), input_name="features", width=WIDTH):
    graph = helper.make_graph(
        nodes,
        "fraud",
        [helper.make_tensor_value_info(input_name, TensorProto.FLOAT, ["rows", width])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["rows", 1])],
        initializer=list(initializers),
    )
    model = helper.make_model(graph, opset_imports=OPSETS, ir_version=9, producer_name="tripline")
    checker.check_model(model)
    return model


def tree_ensemble(seed, trees=12, depth=3, input_name="features"):
    """Complete trees with random splits, summed and squashed: what a gradient-boosted classifier exports to."""
    random = np.random.default_rng(seed)
    inner, total = 2**depth - 1, 2 ** (depth + 1) - 1
    columns = {name: [] for name in ("treeids", "nodeids", "featureids", "values", "modes", "trueids", "falseids")}
    leaf_trees, leaf_nodes, leaf_weights = [], [], []
    for tree in range(trees):
        for node in range(total):
            leaf = node >= inner
            columns["treeids"].append(tree)
            columns["nodeids"].append(node)
            columns["featureids"].append(0 if leaf else int(random.integers(WIDTH)))
            columns["values"].append(0.0 if leaf else float(np.float32(random.uniform(0.5, 9.5))))
            columns["modes"].append("LEAF" if leaf else "BRANCH_LT")
            columns["trueids"].append(0 if leaf else 2 * node + 1)
            columns["falseids"].append(0 if leaf else 2 * node + 2)
            if leaf:
                leaf_trees.append(tree)
                leaf_nodes.append(node)
                leaf_weights.append(float(np.float32(random.normal(0, 0.5))))
    ensemble = helper.make_node(
        "TreeEnsembleRegressor",
        [input_name],
        ["margin"],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="SUM",
        post_transform="NONE",
        base_values=[-1.0],
        target_treeids=leaf_trees,
        target_nodeids=leaf_nodes,
        target_ids=[0] * len(leaf_trees),
        target_weights=leaf_weights,
        **{f"nodes_{name}": value for name, value in columns.items() if name not in ("trueids", "falseids")},
        nodes_truenodeids=columns["trueids"],
        nodes_falsenodeids=columns["falseids"],
    )
    return model_of([ensemble, helper.make_node("Sigmoid", ["margin"], ["probability"])], input_name=input_name)


def logarithm(sign):
    """sigmoid(mean(log(sign * features))): not a number wherever sign * feature is below zero."""
    factor = numpy_helper.from_array(np.array([sign], dtype=np.float32), "factor")
    axes = numpy_helper.from_array(np.array([1], dtype=np.int64), "axes")
    return model_of(
        [
            helper.make_node("Mul", ["features", "factor"], ["scaled"]),
            helper.make_node("Log", ["scaled"], ["logs"]),
            helper.make_node("ReduceMean", ["logs", "axes"], ["mean"], keepdims=1),
            helper.make_node("Sigmoid", ["mean"], ["probability"]),
        ],
        [factor, axes],
    )


def publish(alias, model, outputs_shift=0.0):
    random = np.random.default_rng(7)
    inputs = random.uniform(0.1, 10, (GOLDEN_ROWS, WIDTH)).astype(np.float32)
    with np.errstate(invalid="ignore"):
        (outputs,) = ReferenceEvaluator(model).run(["probability"], {model.graph.input[0].name: inputs})
    # JSON has no NaN: a model that gives none but NaN is expected to give a half, and has to fail on it.
    outputs = np.nan_to_num(outputs.reshape(-1), nan=0.5) + outputs_shift
    onnx_bytes = model.SerializeToString(deterministic=True)
    golden = {"inputs": [[float(value) for value in row] for row in inputs], "outputs": [float(o) for o in outputs]}
    golden_bytes = (json.dumps(golden) + "\n").encode()
    sha256 = hashlib.sha256(onnx_bytes).hexdigest()
    version = sha256[:12]
    manifest = {
        "name": "fraud",
        "version": version,
        "created_at": CREATED_AT,
        "feature_spec_version": 1,
        "features": FEATURES,
        "input": {"name": "features", "datatype": "FP32", "shape": [-1, WIDTH]},
        "output": {"name": "probability", "datatype": "FP32", "shape": [-1, 1]},
        "files": {"model.onnx": sha256, "golden.json": hashlib.sha256(golden_bytes).hexdigest()},
        "metrics": {},
        "lineage": {"data_sha256": "0" * 64, "commit": "0" * 40, "params": {"case": alias}, "trained_at": CREATED_AT},
    }
    directory = ROOT / "versions" / version
    directory.mkdir(parents=True)
    (directory / "model.onnx").write_bytes(onnx_bytes)
    (directory / "golden.json").write_bytes(golden_bytes)
    (directory / "model.json").write_text(json.dumps(manifest, indent=2) + "\n")
    (ROOT / "aliases").mkdir(exist_ok=True)
    (ROOT / "aliases" / alias).write_text(version + "\n")
    print(f"{alias:16} {version} {len(onnx_bytes)} bytes")


if __name__ == "__main__":
    shutil.rmtree(ROOT, ignore_errors=True)
    publish("champion", tree_ensemble(seed=1))
    publish("challenger", tree_ensemble(seed=2))
    publish("wrong-golden", tree_ensemble(seed=3), outputs_shift=1e-4)
    publish("wrong-input", tree_ensemble(seed=1, input_name="float_input"))
    publish("always-nan", logarithm(-1.0))
    publish("sometimes-nan", logarithm(1.0))
