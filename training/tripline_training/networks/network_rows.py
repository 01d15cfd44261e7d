"""The payments on which a network is trained, and the later payments on which it is measured."""

from dataclasses import dataclass, replace

from tripline_training.check_data import check_before_training
from tripline_training.data.dataset import Rows, open_dataset
from tripline_training.data.feature_spec import FeatureSpec, read_feature_spec
from tripline_training.errors import TrainingError
from tripline_training.networks.network_options import NetworkOptions
from tripline_training.selection.choose_features import Fitting, Selection, choose_features, only_features
from tripline_training.steps import step
from tripline_training.trees.params import DEFAULT_PARAMS, read_params


@dataclass(frozen=True)
class NetworkRows:
    spec: FeatureSpec
    selection: Selection
    learn: Rows
    """Excludes unused features: see `only_features`."""
    later: Rows
    delay_ms: int
    """From the newest training payment to the cut-off of the labels."""


def read_network_rows(options: NetworkOptions, used: tuple[str, ...] | None = None) -> NetworkRows:
    """Trees choose the features unless `used` names them, because trees take seconds, whereas a network takes minutes.

    Categories are included only if `used` names them, as it does for a mean, whose members may be trees.

    Raises TrainingError if there is nothing to learn from or nothing to measure on.
    """
    spec = read_feature_spec(options.feature_spec)
    with step("data") as said:
        check_before_training(options.features, options.feature_spec)
        dataset = open_dataset(options.features, spec)
        learn, left_out = dataset.known_rows(options.train, options.known_by_ms)
        later = dataset.rows_with_truth(options.valid)
        for part, rows in (("train", learn), ("valid", later)):
            if int(rows.fraud.sum()) in (0, len(rows)):
                raise TrainingError(
                    f"--{part}-from to --{part}-to have {len(rows)} labelled payments, all fraud or all genuine."
                )
        said.says(f"rows={len(learn)} frauds={int(learn.fraud.sum())} left_out_unlabelled={left_out}")
    delay_ms = max(0, options.known_by_ms - int(learn.occurred_at_ms[-1]))
    if used is None:
        fitting = Fitting(read_params(DEFAULT_PARAMS), options.seed, options.jobs, delay_ms)
        selection = choose_features(learn, spec, fitting, options.constant_online)
        # A network would treat the code of a category as a quantity.
        names = tuple(name for name in selection.names if name not in spec.categories)
        selection = replace(selection, names=names)
    else:
        selection = Selection(used)
    return NetworkRows(spec, selection, only_features(learn, spec, selection.names), later, delay_ms)
