"""Publishes the mean of published models, trees and networks on the feature vector, as one model that can decide.

python -m tripline_training.average_models --members fraud@champion fraud-keras@candidate \\
    --features features.parquet --feature-spec feature-spec.yaml --registry file:///models --name fraud \\
    --alias challenger --train-from 2026-02-15 --train-to 2026-02-21 --valid-from 2026-02-22 --valid-to 2026-02-28

`--train-from` to `--train-to` are the days for calibration, later than those that the members were trained on.
"""

from tripline_training.data.days import DAY_MS
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.errors import TrainingError, run_command
from tripline_training.models.average_models import average_margins, average_onnx
from tripline_training.models.scorecard import probabilities_of
from tripline_training.networks.network_options import NetworkOptions, network_options, network_parser
from tripline_training.networks.network_rows import read_network_rows
from tripline_training.networks.publish_network import TrainedNetwork, publish_network
from tripline_training.registry import registry
from tripline_training.selection.used_features import in_order
from tripline_training.steps import step
from tripline_training.trees.calibration import fit_platt
from tripline_training.trees.fit_calibrated import Calibration
from tripline_training.trees.params import DEFAULT_PARAMS


def average_models(members: list[str], options: NetworkOptions) -> str:
    """Returns the version. Raises TrainingError if the members are incompatible."""
    spec = read_feature_spec(options.feature_spec)
    with step("members") as said:
        root = registry.registry_root(options.registry)
        found = [
            registry.resolve(root, name, of or "champion") for name, _, of in (one.partition("@") for one in members)
        ]
        for one in found:
            if (one.manifest["feature_spec_version"], tuple(one.manifest["features"])) != (spec.version, spec.names):
                raise TrainingError(
                    f"Model {one.name} {one.version} reads columns other than the features of spec {spec.version}."
                )
        said.says(" ".join(f"{one.name}@{one.version}" for one in found))
    # Older versions do not have this entry, so they may use all features.
    members_use = {name for one in found for name in one.manifest.get("used_features", spec.names)}
    used = in_order(members_use, spec.names)
    data = read_network_rows(options, used)
    with step("calibrate") as said:
        models = [one.model for one in found]
        platt = fit_platt(average_margins(models, data.learn.features), data.learn.fraud, data.learn.weights)
        said.says(f"slope={platt.slope:.3f} intercept={platt.intercept:.3f}")
    days = round((options.train.to_ms - options.train.from_ms) / DAY_MS)
    trained = TrainedNetwork(
        model=average_onnx(models, platt),
        predict=lambda features: probabilities_of(
            platt.slope * average_margins(models, features) + platt.intercept
        ).astype("float32"),
        calibration=Calibration("platt", days),
        params={"members": ",".join(f"{one.name}@{one.version}" for one in found), "seed": options.seed},
        used=used,
    )
    return publish_network(trained, data, options)


def main(arguments: list[str] | None = None) -> None:
    parser = network_parser("average_models", (__doc__ or "").splitlines()[0], DEFAULT_PARAMS)
    parser.add_argument("--members", nargs="+", required=True, help="model@alias or model@version, two or more")
    given = parser.parse_args(arguments)
    print(f"published: {average_models(given.members, network_options(given))}")


if __name__ == "__main__":
    run_command(main)
