"""Trains the sequence model over a card's last payments, checks it and publishes it. Needs the environment `deep`.

python -m tripline_training.train_sequence --features features.parquet --feature-spec feature-spec.yaml \\
    --registry file:///models --name fraud-sequence --train-from 2026-01-15 --train-to 2026-02-14 \\
    --valid-from 2026-02-22 --valid-to 2026-02-28 --variants variants
"""

import torch

from tripline_training.check_data import check_before_training
from tripline_training.data.dataset import open_dataset
from tripline_training.data.feature_spec import FeatureSpec, read_feature_spec
from tripline_training.errors import run_command
from tripline_training.networks.card_history import (
    earlier_payments,
    read_payments,
    select,
    sequence_names,
    sequence_rows,
)
from tripline_training.networks.export_torch import network_to_onnx, predict_network
from tripline_training.networks.fit_calibrated_network import fit_calibrated_network
from tripline_training.networks.fit_network import Setting, Source, prepare_torch
from tripline_training.networks.network_options import NetworkOptions, network_options, network_parser
from tripline_training.networks.publish_network import TrainedNetwork, check_parts, publish_network
from tripline_training.networks.sequence_params import DEFAULT_SEQUENCE_PARAMS, read_sequence_params
from tripline_training.steps import figure, step


def train_sequence(options: NetworkOptions) -> str:
    """The whole way from a features file to a published version, which is returned. Raises TrainingError."""
    spec = read_feature_spec(options.feature_spec)
    params = read_sequence_params(options.params)
    device = prepare_torch(options.jobs)
    with step("data") as said:
        check_before_training(options.features, options.feature_spec)
        payments = read_payments(open_dataset(options.features, spec))
        history = earlier_payments(payments.rows.cards, params.length)
        learn = payments.known(options.train, options.known_by_ms)
        measured = payments.with_truth(options.valid)
        rows, later = select(payments.rows, learn), select(payments.rows, measured)
        check_parts(rows, later)
        names = sequence_names(spec.names, params.length)
        said.says(f"rows={len(rows)} frauds={int(rows.fraud.sum())} length={params.length} columns={len(names)}")
    with step("fit") as said:
        delay_ms = max(0, options.known_by_ms - int(rows.occurred_at_ms[-1]))
        source = Source(payments, history)
        fitted = fit_calibrated_network(source, learn, Setting(params, options.seed, device), delay_ms)
        said.says(
            f"device={device.type} version_of_torch={torch.__version__} epochs={fitted.epochs} "
            f"weights={sum(one.numel() for one in fitted.network.parameters())} held_ap={figure(fitted.held_ap)} "
            f"calibration={fitted.calibration.kind} held_out_days={fitted.calibration.days}"
        )
    features = payments.rows.features
    trained = TrainedNetwork(
        model=network_to_onnx(fitted.network, len(names)),
        predict=predict_network(fitted.network),
        spec=FeatureSpec(spec.version, names),
        rows=rows,
        columns=lambda positions: sequence_rows(features, history, learn[positions]),
        calibration=fitted.calibration,
        params={**params.as_json(), "epochs_trained": fitted.epochs, "seed": options.seed, "jobs": options.jobs},
    )
    return publish_network(trained, later, sequence_rows(features, history, measured), options)


def main(arguments: list[str] | None = None) -> None:
    parser = network_parser("train_sequence", (__doc__ or "").splitlines()[0], DEFAULT_SEQUENCE_PARAMS)
    print(f"published: {train_sequence(network_options(parser.parse_args(arguments)))}")


if __name__ == "__main__":
    run_command(main)
