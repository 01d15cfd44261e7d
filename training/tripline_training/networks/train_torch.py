"""Trains a network in PyTorch on the feature vector, checks its ONNX export and publishes it. Environment `deep`.

python -m tripline_training.networks.train_torch --features features.parquet --feature-spec feature-spec.yaml \\
    --registry file:///models --name fraud-torch --train-from 2026-01-15 --train-to 2026-02-14 \\
    --valid-from 2026-02-22 --valid-to 2026-02-28
"""

import torch

from tripline_training.check_data import check_before_training
from tripline_training.data.dataset import open_dataset
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.errors import run_command
from tripline_training.make_scorecard import scorecard_to_publish
from tripline_training.networks.export_torch import network_to_onnx, predict_network
from tripline_training.networks.fit_torch import Setting, fit_calibrated_torch, prepare_torch
from tripline_training.networks.network_options import NetworkOptions, network_options, network_parser
from tripline_training.networks.network_params import DEFAULT_TORCH_PARAMS, read_torch_params
from tripline_training.networks.publish_network import TrainedNetwork, check_parts, publish_network
from tripline_training.steps import figure, step


def train_torch(options: NetworkOptions) -> str:
    """The whole way from a features file to a published version, which is returned. Raises TrainingError."""
    spec = read_feature_spec(options.feature_spec)
    params = read_torch_params(options.params)
    device = prepare_torch(options.jobs)
    with step("data") as said:
        check_before_training(options.features, options.feature_spec)
        dataset = open_dataset(options.features, spec)
        rows, left_out = dataset.known_rows(options.train, options.known_by_ms)
        later = dataset.rows_with_truth(options.valid)
        check_parts(rows, later)
        said.says(f"rows={len(rows)} frauds={int(rows.fraud.sum())} left_out_unlabelled={left_out}")
    with step("fit") as said:
        delay_ms = max(0, options.known_by_ms - int(rows.occurred_at_ms[-1]))
        fitted = fit_calibrated_torch(rows, Setting(params, options.seed, device), delay_ms)
        said.says(
            f"device={device.type} version_of_torch={torch.__version__} epochs={fitted.epochs} "
            f"held_ap={figure(fitted.held_ap)} "
            f"calibration={fitted.calibration.kind} held_out_days={fitted.calibration.days}"
        )
    trained = TrainedNetwork(
        model=network_to_onnx(fitted.network, len(spec.names)),
        predict=predict_network(fitted.network),
        spec=spec,
        rows=rows,
        calibration=fitted.calibration,
        params={**params.as_json(), "epochs_trained": fitted.epochs, "seed": options.seed, "jobs": options.jobs},
        scorecard=scorecard_to_publish(rows, spec, delay_ms),
    )
    return publish_network(trained, later, options)


def main(arguments: list[str] | None = None) -> None:
    parser = network_parser("networks.train_torch", (__doc__ or "").splitlines()[0], DEFAULT_TORCH_PARAMS)
    print(f"published: {train_torch(network_options(parser.parse_args(arguments)))}")


if __name__ == "__main__":
    run_command(main)
