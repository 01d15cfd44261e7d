"""Trains a network in Keras on the feature vector, checks its ONNX export and publishes it. Environment `keras`.

python -m tripline_training.train_keras --features features.parquet --feature-spec feature-spec.yaml \\
    --registry file:///models --name fraud-keras --train-from 2026-01-15 --train-to 2026-02-14 \\
    --valid-from 2026-02-22 --valid-to 2026-02-28
"""

from tripline_training.errors import run_command
from tripline_training.networks.keras_network import (
    DEFAULT_KERAS_PARAMS,
    VERSIONS,
    fit_calibrated_keras,
    keras_to_onnx,
    predict_keras,
    read_keras_params,
)
from tripline_training.networks.network_options import NetworkOptions, network_options, network_parser
from tripline_training.networks.network_rows import read_network_rows
from tripline_training.networks.publish_network import TrainedNetwork, publish_network
from tripline_training.steps import step


def train_keras(options: NetworkOptions) -> str:
    """Trains, checks and publishes a model from a features file. Returns the version. Raises TrainingError."""
    params = read_keras_params(options.params)
    data = read_network_rows(options)
    with step("fit") as said:
        fitted = fit_calibrated_keras(data.learn, params, options.seed, options.jobs, data.delay_ms)
        said.says(
            f"{VERSIONS} epochs={fitted.epochs} "
            f"calibration={fitted.calibration.kind} held_out_days={fitted.calibration.days}"
        )
    trained = TrainedNetwork(
        model=keras_to_onnx(fitted.model),
        predict=predict_keras(fitted.model),
        calibration=fitted.calibration,
        params={**params.as_json(), "epochs_trained": fitted.epochs, "seed": options.seed, "jobs": options.jobs},
    )
    return publish_network(trained, data, options)


def main(arguments: list[str] | None = None) -> None:
    parser = network_parser("train_keras", (__doc__ or "").splitlines()[0], DEFAULT_KERAS_PARAMS)
    print(f"published: {train_keras(network_options(parser.parse_args(arguments)))}")


if __name__ == "__main__":
    run_command(main)
