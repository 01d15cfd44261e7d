"""The inputs of a retraining: its options, the payments by purpose, and the champion."""

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tripline_training.data.dataset import MEMORY_ROWS_MAX, Rows, Span, open_dataset, parse_moment_ms
from tripline_training.data.days import DAY_MS
from tripline_training.data.feature_spec import FeatureSpec, read_feature_spec
from tripline_training.data.sampling import shares_of
from tripline_training.data_checks.check_time_and_leakage import Rules as DataRules
from tripline_training.errors import TooEarlyError, TrainingError
from tripline_training.evaluation.segments import amounts_of
from tripline_training.registry import registry
from tripline_training.registry.names import VERSION_PATTERN, RegistryCallError
from tripline_training.retraining.compare_money import MoneyJudge, MoneyOptions
from tripline_training.retraining.rules import Rules, read_rules
from tripline_training.retraining.windows import Windows, fixed_of, lay_out, outside
from tripline_training.selection.choose_features import Fitting, Selection, choose_features, only_features
from tripline_training.steps import step
from tripline_training.trees.calibration import FRAUDS_MIN
from tripline_training.trees.params import read_params
from tripline_training.trees.publish_trees import moment

CHAMPION = "champion"


@dataclass(frozen=True)
class Options:
    features: Path
    feature_spec: Path
    cutoff_ms: int
    registry: str
    name: str
    params: Path
    rules: Path
    trust_weeks: bool
    seed: int
    jobs: int
    commit: str | None
    drift_ms: int | None = None
    """Time of the drift; None without drift."""
    constant_online: tuple[str, ...] = ()
    """Features that are constant online; models do not use them."""
    feature_auc_max: float = DataRules.feature_auc_max
    memory_rows_max: int = MEMORY_ROWS_MAX
    """Maximum number of rows that are kept in memory, for each purpose."""
    candidate: str | None = None
    """Version or alias of a registered model to compare with the champion; None: a model is trained."""
    money: MoneyOptions | None = None
    """None: models are not compared by the money that they save."""

    def files(self) -> dict[str, Path]:
        """Files on whose bytes an outcome depends."""
        files = {"data": self.features, "spec": self.feature_spec, "params": self.params, "rules": self.rules}
        return files if self.money is None else files | self.money.files()

    def as_json(self) -> dict[str, Any]:
        """Everything that determines the outcome, apart from the files."""
        entries = asdict(self)
        others = {*self.files(), "features", "feature_spec", "commit", "money"}
        return {key: value for key, value in entries.items() if key not in others}

    def champion_version(self) -> str | None:
        """None if there is no champion yet."""
        return alias_version(registry.registry_root(self.registry), self.name, CHAMPION)

    def with_candidate_version(self) -> "Options":
        """Replaces an alias by its version, because it may move. Raises TrainingError if the alias does not exist."""
        if self.candidate is None or VERSION_PATTERN.fullmatch(self.candidate):
            return self
        store = registry.registry_root(self.registry)
        return replace(self, candidate=registry.alias_target(store, self.name, self.candidate))


@dataclass(frozen=True)
class Prepared:
    """Everything that is done before training."""

    spec: FeatureSpec
    rules: Rules
    windows: Windows
    champion: registry.ModelVersion | None
    train: Rows
    newest: Rows
    old: Rows
    whole: Rows
    """All payments labelled by the cut-off, from the first training day to the newest weeks, for any purpose."""
    known: Rows | None
    """After a drift: `whole` except for the named weeks, on which models are measured."""
    selection: Selection
    """The features that candidates may use: all, until they are selected."""
    money: MoneyJudge | None = None
    """Compares the money that models save on the newest weeks."""


def prepare(options: Options) -> Prepared:
    spec = read_feature_spec(options.feature_spec)
    rules = read_rules(options.rules)
    store = registry.registry_root(options.registry)
    version = options.champion_version()
    champion = None if version is None else registry.resolve(store, options.name, version)
    with step("data") as said:
        dataset = open_dataset(options.features, spec, options.memory_rows_max)
        # Reports may take longer than the rules expect.
        delay_days = max(rules.label_delay_days, math.ceil(dataset.label_delay_ms / DAY_MS))
        rules = replace(rules, label_delay_days=delay_days)
        windows = lay_out(dataset.oldest_ms, options.cutoff_ms, rules, None if champion is None else champion.manifest)
        share = read_params(options.params).genuine_share
        train, left_out = dataset.known_rows(windows.train, windows.newest.from_ms, genuine_share=share)
        train = outside(train, windows.fixed)
        newest, unlabelled = dataset.compared_rows([windows.newest], options.cutoff_ms)
        old, _ = dataset.compared_rows(windows.fixed, options.cutoff_ms)
        trained_or_newest = Span(windows.train.from_ms, windows.newest.to_ms)
        whole, _ = dataset.known_rows(trained_or_newest, options.cutoff_ms, genuine_share=share)
        known = None if options.drift_ms is None else outside(whole, windows.named)
        said.says(
            f"{windows.as_text()} rows={len(train)} frauds={int(train.fraud.sum())} left_out_unlabelled={left_out} "
            f"newest_rows={len(newest)} newest_unlabelled={unlabelled} old_rows={len(old)}"
        )
    for rows, what in ((train, "to learn from"), (newest, "of the newest weeks")):
        frauds = int(rows.fraud.sum())
        if min(frauds, len(rows) - frauds) < FRAUDS_MIN:
            raise TooEarlyError(
                f"The {len(rows)} labelled payments {what} ({windows.as_text()}) include {frauds} frauds; at "
                f"least {FRAUDS_MIN} of each class are required. Wait for more labels, or pass a later --cutoff."
            )
    money = _money_judge(options, newest)
    return Prepared(spec, rules, windows, champion, train, newest, old, whole, known, Selection(spec.names), money)


def _money_judge(options: Options, newest: Rows) -> MoneyJudge | None:
    if options.money is None:
        return None
    amounts = amounts_of(newest, options.feature_spec)
    if amounts is None:
        raise TrainingError(f"{options.feature_spec} has no feature of kind amount, so no money can be counted.")
    return MoneyJudge(options.money, newest, amounts.astype(np.float64), shares_of(options.features).cards)


def choose_prepared(prepared: Prepared, options: Options) -> Prepared:
    """Decided only from the training days. Features that are not chosen are removed from all training rows."""
    spec, train = prepared.spec, prepared.train
    delay_ms = prepared.windows.newest.from_ms - int(train.occurred_at_ms[-1])
    fitting = Fitting(read_params(options.params), options.seed, options.jobs, delay_ms)
    selection = choose_features(train, spec, fitting, options.constant_online)
    known = None if prepared.known is None else only_features(prepared.known, spec, selection.names)
    train = only_features(train, spec, selection.names)
    return replace(prepared, selection=selection, train=train, known=known)


def unfit_champion(prepared: Prepared) -> str | None:
    """Why the champion and a candidate cannot be measured on the same payments."""
    champion, newest = prepared.champion, prepared.windows.newest
    if champion is None:
        return None
    manifest = champion.manifest
    if (manifest["feature_spec_version"], tuple(manifest["features"])) != (prepared.spec.version, prepared.spec.names):
        return (
            f"it was trained for feature spec {manifest['feature_spec_version']} but these payments have the features "
            f"of spec {prepared.spec.version}: train the first model of a new spec with "
            "python -m tripline_training.train, and promote it once it has proven itself"
        )
    known_to = learnt_to(champion)
    if known_to > moment(newest.from_ms):
        return (
            f"it was trained on payments up to {known_to}, so the newest weeks, from {moment(newest.from_ms)} on, are "
            "not new to it: wait for newer payments"
        )
    return None


def unfit_candidate(candidate: registry.ModelVersion, prepared: Prepared) -> str | None:
    """Why a registered model cannot be measured on these payments."""
    manifest, known_to, from_ms = candidate.manifest, learnt_to(candidate), prepared.windows.newest.from_ms
    if (manifest["feature_spec_version"], tuple(manifest["features"])) != (prepared.spec.version, prepared.spec.names):
        return f"{candidate.version} was trained for other features than those of spec {prepared.spec.version}"
    if known_to == "":
        return f"the manifest of {candidate.version} does not say until when its training data reaches (data_to)"
    if known_to > moment(from_ms):
        return (
            f"{candidate.version} was trained on payments up to {known_to}, so the newest weeks, from "
            f"{moment(from_ms)} on, are not new to it: wait for newer payments"
        )
    return None


def new_to(candidate: registry.ModelVersion, prepared: Prepared) -> Prepared:
    """Without the old weeks on which a registered model may have been trained, unless its lineage excludes them."""
    lineage, excluded = candidate.manifest["lineage"], fixed_of(candidate.manifest)
    first, last = parse_moment_ms(lineage.get("data_from") or "1970-01-01"), parse_moment_ms(learnt_to(candidate))
    fixed = prepared.windows.fixed
    known = [each for each in fixed if each.from_ms <= last and each.to_ms > first and each not in excluded]
    if known:
        which = f"{len(known)} of {len(fixed)} are not compared"
        print(f"old weeks: {which}, because {candidate.version} may have been trained on them", flush=True)
    return replace(prepared, old=outside(prepared.old, known))


def learnt_to(champion: registry.ModelVersion | None) -> str:
    """Time of the newest payment on which it was trained; empty if unknown."""
    return "" if champion is None else champion.manifest["lineage"].get("data_to") or ""


def alias_version(store: registry.Store, name: str, alias: str) -> str | None:
    """None if the alias does not exist; raises if the registry does not respond."""
    try:
        return registry.alias_target(store, name, alias)
    except RegistryCallError:
        raise
    except TrainingError:
        return None
