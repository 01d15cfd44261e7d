"""Publishes a fitted network in the registry: measures, golden batch, manifest."""

from dataclasses import asdict, dataclass
from typing import Any

import onnx

from tripline_training.make_scorecard import scorecard_to_publish
from tripline_training.metrics import expected_calibration_error, measure
from tripline_training.networks.network_options import NetworkOptions
from tripline_training.networks.network_rows import NetworkRows
from tripline_training.networks.onnx_network import check_network, operators_of
from tripline_training.registry import registry
from tripline_training.selection.choose_features import refuse_constant
from tripline_training.selection.used_features import used_by_network
from tripline_training.steps import figure, step
from tripline_training.trees.export_onnx import Predict, predict_onnx
from tripline_training.trees.fit_calibrated import Calibration
from tripline_training.trees.publish_trees import (
    COMPARED_ROWS_MAX,
    SCORECARD_KEY,
    Lineage,
    compose_facts,
    golden_of,
    spread,
    twin_file,
)


@dataclass(frozen=True)
class TrainedNetwork:
    """A network that is ready to be published, from any library."""

    model: bytes
    predict: Predict
    """The trainer's own probabilities."""
    calibration: Calibration
    params: dict[str, Any]
    used: tuple[str, ...] | None = None
    """The features that it uses; None: those that vary in the training rows."""


def publish_network(trained: TrainedNetwork, data: NetworkRows, options: NetworkOptions) -> str:
    """Returns the version. Raises TrainingError if the ONNX model's probabilities differ from the trainer's."""
    learn, later = data.learn, data.later
    root = registry.registry_root(options.registry)
    scorecard = scorecard_to_publish(learn, data.spec, data.delay_ms)
    model = trained.model if scorecard is None else _name_scorecard(trained.model, scorecard)
    sample = learn.features[spread(len(learn), COMPARED_ROWS_MAX)]
    with step("export") as said:
        count, difference = check_network(trained.predict, model, sample, options.seed)
        facts = operators_of(model)
        said.says(
            f"bytes={len(model)} compared_rows={count} difference_max={difference:.2g} "
            f"opsets={facts['opsets']} operators={','.join(facts['operators'])}"
        )
    exported = {**facts, "compared_rows": count, "difference_max": difference}
    metrics: dict[str, Any] = {"export": exported, "selection": data.selection.as_json()}
    used = trained.used or used_by_network(learn, scorecard, data.spec.names)
    refuse_constant(used, options.constant_online)
    with step("valid") as said:
        scores = predict_onnx(model, later.features)
        quality = measure(later.occurred_at_ms, later.cards, scores, later.fraud, later.weights)
        ece = expected_calibration_error(scores, later.fraud, same_mass=True, weights=later.weights)
        metrics |= {"valid": quality.as_json(), "calibration": {**asdict(trained.calibration), "ece": ece}}
        said.says(
            f"rows={quality.rows} frauds={quality.frauds} ap={figure(quality.average_precision)} "
            f"auc={figure(quality.auc_roc)} cp100={figure(quality.card_precision_at_100)} ece={ece:.5f}"
        )
    with step("publish") as said:
        lineage = Lineage(options.features, options.commit, trained.params, options.known_by_ms)
        golden = golden_of(trained.predict, sample)
        files = {registry.MODEL_FILE: model, registry.GOLDEN_FILE: golden, **twin_file(model, golden)}
        if scorecard is not None:
            files[registry.SCORECARD_FILE] = scorecard
        entries = compose_facts(data.spec, used, learn, metrics, lineage)
        version, _ = registry.publish(root, options.name, files, entries)
        if options.alias is not None:
            registry.set_alias(root, options.name, options.alias, version)
        said.says(f"{options.name} {version}" + (f" alias={options.alias}" if options.alias else ""))
    return version


def _name_scorecard(model: bytes, scorecard: bytes) -> bytes:
    """The model with the sha256 of its scorecard, so that a different scorecard results in a different version."""
    named = onnx.load_model_from_string(model)
    onnx.helper.set_model_props(named, {SCORECARD_KEY: registry.sha256_hex(scorecard)})
    return bytes(named.SerializeToString(deterministic=True))
