"""Chooses the features that a model may use, by validation over time. See ADR 49."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from tripline_training.data.dataset import Rows
from tripline_training.data.feature_spec import FeatureGroup, FeatureSpec
from tripline_training.errors import TrainingError
from tripline_training.selection.forward_folds import Fold, forward_folds
from tripline_training.selection.gain_over_folds import Scores, gain_over_folds
from tripline_training.steps import step
from tripline_training.trees.categories import keep_encoding, learn_encoding
from tripline_training.trees.export_onnx import predict_booster
from tripline_training.trees.fit_trees import matrix_of, tree_settings
from tripline_training.trees.params import Params

FEWER_TREES = 4
"""A comparison uses a quarter of the trees, with four times the learning rate."""
BINS_MAX = 256


@dataclass(frozen=True)
class GroupResult:
    """Whether a group is used, and the validation results."""

    group: str
    features: tuple[str, ...]
    used: bool
    reason: str
    folds: int = 0
    ap_without: float | None = None
    """Mean average precision over the folds."""
    ap_with: float | None = None
    gain_low: float | None = None
    """95 % interval of the gain."""
    gain_high: float | None = None
    auc_without: float | None = None
    auc_with: float | None = None

    def as_json(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if key != "group"}


@dataclass(frozen=True)
class Selection:
    names: tuple[str, ...]
    """Names of the features, in the order of the spec."""
    constant_online: tuple[str, ...] = ()
    """Features that are omitted because they never change online."""
    groups: tuple[GroupResult, ...] = ()

    def as_json(self) -> dict[str, Any]:
        groups = {result.group: result.as_json() for result in self.groups}
        return {"constant_online": list(self.constant_online), "groups": groups}


@dataclass(frozen=True)
class Fitting:
    """Settings for training the model."""

    params: Params
    seed: int
    jobs: int
    delay_ms: int
    """From the newest training payment to the first one that is scored."""


def choose_features(
    rows: Rows, spec: FeatureSpec, fitting: Fitting, constant_online: Collection[str] = ()
) -> Selection:
    """All features of the spec except those that are constant online, and except the groups that do not help.

    A group helps if the 95 % interval of its gain in average precision over the forward folds is above 0 and AUC ROC
    does not fall. Each group is compared with the features chosen so far. The same rows and seed always result in the
    same choice. Raises TrainingError for a constant feature that the spec does not have.
    """
    unknown = sorted(set(constant_online) - set(spec.names))
    if unknown:
        raise TrainingError(f"The feature spec has no feature {', '.join(unknown)}; check --constant-online.")
    optional = {name for group in spec.groups for name in group.features}
    names = [name for name in spec.names if name not in optional and name not in constant_online]
    results: list[GroupResult] = []
    with step("select") as said:
        trial = _Trial(rows, spec, fitting)
        for group in spec.groups:
            result = trial.compare(names, group, constant_online)
            results.append(result)
            if result.used:
                names = [name for name in spec.names if name in names or name in result.features]
        dropped = tuple(name for name in spec.names if name in constant_online)
        said.says(_summary(spec, names, results, dropped))
    return Selection(tuple(names), dropped, tuple(results))


def only_features(rows: Rows, spec: FeatureSpec, names: Collection[str]) -> Rows:
    """Sets all other features of these rows to 0, in place, because a second copy may not fit into memory.

    No model learns from a constant: trees do not split on it, a network's scaler multiplies it by 0, and a scorecard
    finds no information in it. The model's input is therefore still the whole vector.
    """
    others = [position for position, name in enumerate(spec.names) if name not in names]
    rows.features[:, others] = 0
    return rows


def refuse_constant(used: Collection[str], constant_online: Collection[str]) -> None:
    """Raises TrainingError for a model that uses features that never change online."""
    found = [name for name in used if name in constant_online]
    if found:
        raise TrainingError(
            f"The model uses {', '.join(found)}, but online, their value is the same for every payment, so the "
            "model would score payments that it was not trained for. Materialise the profiles, or train without these "
            "features."
        )


class _Trial:
    """Compares sets of features on the forward folds, which are created only if there is a group to compare."""

    def __init__(self, rows: Rows, spec: FeatureSpec, fitting: Fitting) -> None:
        self._rows, self._spec, self._fitting = rows, spec, fitting
        self._folds: list[Fold] | None = None
        self._known: dict[tuple[str, ...], list[Scores]] = {}

    def compare(self, names: Sequence[str], group: FeatureGroup, constant_online: Collection[str]) -> GroupResult:
        features = tuple(name for name in group.features if name not in constant_online)
        if not features:
            return GroupResult(group.name, group.features, used=False, reason="constant online")
        if not any(self._changes(name) for name in features):
            return GroupResult(group.name, features, used=False, reason="constant in the rows to train on")
        if self._folds is None:
            self._folds = forward_folds(self._rows, self._fitting.delay_ms)
        if not self._folds:
            return GroupResult(group.name, features, used=False, reason="too few days or frauds to compare")
        without = self._scores(tuple(names))
        with_group = self._scores(tuple(name for name in self._spec.names if name in names or name in features))
        gain = gain_over_folds([fold.later for fold in self._folds], without, with_group, self._fitting.seed)
        # Profiles have increased average precision while AUC fell, merely by reordering frauds that were found anyway.
        is_worse = gain.auc_with < gain.auc_without
        used = gain.low > 0 and not is_worse
        reason = "AUC ROC falls" if is_worse else "the gain may be chance, or there is none"
        return GroupResult(
            group=group.name,
            features=features,
            used=used,
            reason="it helps" if used else reason,
            folds=len(self._folds),
            ap_without=gain.ap_without,
            ap_with=gain.ap_with,
            gain_low=gain.low,
            gain_high=gain.high,
            auc_without=gain.auc_without,
            auc_with=gain.auc_with,
        )

    def _changes(self, name: str) -> bool:
        values = self._rows.features[:, self._spec.names.index(name)]
        return bool(values.min() != values.max())

    def _scores(self, names: tuple[str, ...]) -> list[NDArray[np.float64]]:
        """The scores of the later rows of each fold."""
        if names not in self._known:
            self._known[names] = [self._fold_scores(fold, names) for fold in self._folds or []]
        return self._known[names]

    def _fold_scores(self, fold: Fold, names: tuple[str, ...]) -> NDArray[np.float64]:
        params, seed, jobs = _quick(self._fitting.params), self._fitting.seed, self._fitting.jobs
        learn = replace(fold.learn, features=fold.learn.features.copy(), mapped=False)
        learn = only_features(learn, self._spec, names)
        encoding = learn_encoding(learn.features, learn.categories)
        matrix = matrix_of(learn, encoding, params, jobs, importance=fold.weights)
        booster = keep_encoding(xgboost.train(tree_settings(params, seed, jobs), matrix, params.trees), encoding)
        return predict_booster(booster, fold.later.features).astype(np.float64)


def _quick(params: Params) -> Params:
    return replace(
        params,
        trees=-(-params.trees // FEWER_TREES),
        learning_rate=min(1.0, params.learning_rate * FEWER_TREES),
        max_bin=min(params.max_bin, BINS_MAX),
    )


def _summary(spec: FeatureSpec, names: Sequence[str], results: Sequence[GroupResult], dropped: Sequence[str]) -> str:
    parts = [f"features={len(names)} of={len(spec.names)}"]
    if dropped:
        parts.append(f"constant_online={','.join(dropped)}")
    for result in results:
        parts.append(f"{result.group}={'used' if result.used else 'left out'} ({_measured(result)})")
    return " ".join(parts)


def _measured(result: GroupResult) -> str:
    if result.ap_with is None or result.ap_without is None:
        return result.reason
    interval = f"{result.gain_low:.4f} to {result.gain_high:.4f}"
    gain = f"AP {result.ap_with - result.ap_without:+.4f}, 95 % interval {interval}"
    return f"{gain}, AUC {result.auc_without:.4f} to {result.auc_with:.4f}, {result.folds} folds"
