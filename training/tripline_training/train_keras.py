"""Trains a network in Keras on the feature vector, checks its ONNX export and publishes it. Environment `keras`.

python -m tripline_training.train_keras --features features.parquet --feature-spec feature-spec.yaml \\
    --registry file:///models --name fraud-keras --train-from 2026-01-15 --train-to 2026-02-14 \\
    --valid-from 2026-02-22 --valid-to 2026-02-28
"""

from tripline_training.check_data import check_before_training
from tripline_training.data.dataset import open_dataset
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.errors import run_command
from tripline_training.make_scorecard import scorecard_to_publish
from tripline_training.networks.keras_network import (
    DEFAULT_KERAS_PARAMS,
    VERSIONS,
    fit_calibrated_keras,
    keras_to_onnx,
    predict_keras,
    read_keras_params,
)
from tripline_training.networks.network_options import NetworkOptions, network_options, network_parser
from tripline_training.networks.publish_network import TrainedNetwork, check_parts, publish_network
from tripline_training.steps import step


def train_keras(options: NetworkOptions) -> str:
    """The whole way from a features file to a published version, which is returned. Raises TrainingError."""
    spec = read_feature_spec(options.feature_spec)
    params = read_keras_params(options.params)
    with step("data") as said:
        check_before_training(options.features, options.feature_spec)
        dataset = open_dataset(options.features, spec)
        rows, left_out = dataset.known_rows(options.train, options.known_by_ms)
        later = dataset.rows_with_truth(options.valid)
        check_parts(rows, later)
        said.says(f"rows={len(rows)} frauds={int(rows.fraud.sum())} left_out_unlabelled={left_out}")
    with step("fit") as said:
        delay_ms = max(0, options.known_by_ms - int(rows.occurred_at_ms[-1]))
        fitted = fit_calibrated_keras(rows, params, options.seed, options.jobs, delay_ms)
        said.says(
            f"{VERSIONS} epochs={fitted.epochs} "
            f"calibration={fitted.calibration.kind} held_out_days={fitted.calibration.days}"
        )
    trained = TrainedNetwork(
        model=keras_to_onnx(fitted.model),
        predict=predict_keras(fitted.model),
        spec=spec,
        rows=rows,
        calibration=fitted.calibration,
        params={**params.as_json(), "epochs_trained": fitted.epochs, "seed": options.seed, "jobs": options.jobs},
        scorecard=scorecard_to_publish(rows, spec, delay_ms),
    )
    return publish_network(trained, later, options)


def main(arguments: list[str] | None = None) -> None:
    parser = network_parser("train_keras", (__doc__ or "").splitlines()[0], DEFAULT_KERAS_PARAMS)
    print(f"published: {train_keras(network_options(parser.parse_args(arguments)))}")


if __name__ == "__main__":
    run_command(main)
