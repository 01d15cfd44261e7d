"""Trains a network in PyTorch on the feature vector, checks its ONNX export and publishes it. Environment `deep`.

python -m tripline_training.networks.train_torch --features features.parquet --feature-spec feature-spec.yaml \\
    --registry file:///models --name fraud-torch --train-from 2026-01-15 --train-to 2026-02-14 \\
    --valid-from 2026-02-22 --valid-to 2026-02-28
"""

import torch

from tripline_training.errors import run_command
from tripline_training.networks.export_torch import network_to_onnx, predict_network
from tripline_training.networks.fit_torch import Setting, fit_calibrated_torch, prepare_torch
from tripline_training.networks.network_options import NetworkOptions, network_options, network_parser
from tripline_training.networks.network_params import DEFAULT_TORCH_PARAMS, read_torch_params
from tripline_training.networks.network_rows import read_network_rows
from tripline_training.networks.publish_network import TrainedNetwork, publish_network
from tripline_training.steps import figure, step


def train_torch(options: NetworkOptions) -> str:
    """Trains, checks and publishes a model from a features file. Returns the version. Raises TrainingError."""
    params = read_torch_params(options.params)
    device = prepare_torch(options.jobs)
    data = read_network_rows(options)
    with step("fit") as said:
        fitted = fit_calibrated_torch(data.learn, Setting(params, options.seed, device), data.delay_ms)
        said.says(
            f"device={device.type} version_of_torch={torch.__version__} epochs={fitted.epochs} "
            f"held_ap={figure(fitted.held_ap)} "
            f"calibration={fitted.calibration.kind} held_out_days={fitted.calibration.days}"
        )
    trained = TrainedNetwork(
        model=network_to_onnx(fitted.network, len(data.spec.names)),
        predict=predict_network(fitted.network),
        calibration=fitted.calibration,
        params={**params.as_json(), "epochs_trained": fitted.epochs, "seed": options.seed, "jobs": options.jobs},
    )
    return publish_network(trained, data, options)


def main(arguments: list[str] | None = None) -> None:
    parser = network_parser("networks.train_torch", (__doc__ or "").splitlines()[0], DEFAULT_TORCH_PARAMS)
    print(f"published: {train_torch(network_options(parser.parse_args(arguments)))}")


if __name__ == "__main__":
    run_command(main)
