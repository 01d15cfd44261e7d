"""One retraining run: check, train, compare with the champion, and register the model if it is better."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tripline_training.check_data import check_data, sentences_of
from tripline_training.data.dataset import Rows
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.data_checks.check_time_and_leakage import LIVE_RULES
from tripline_training.data_checks.check_weeks import (
    check_stopped_features,
    check_week_labels,
    strongest_feature,
    weeks_before,
)
from tripline_training.data_checks.findings import DataReport
from tripline_training.errors import TrainingError
from tripline_training.evaluation.segments import Described, describe_segments
from tripline_training.make_scorecard import measure_scorecard, scorecard_to_publish
from tripline_training.registry import registry
from tripline_training.registry.names import MoveOptions
from tripline_training.retraining.compare_scores import Comparison, compare_scores
from tripline_training.retraining.fit_in_parts import fit_in_parts
from tripline_training.retraining.judge_challenger import (
    Measured,
    figures_of,
    why_champion_is_kept,
    why_old_weeks_keep,
)
from tripline_training.retraining.measure_agreement import AGREEMENT_KEY, measure_agreement
from tripline_training.retraining.prepare import (
    Options,
    Prepared,
    alias_version,
    choose_prepared,
    learnt_to,
    new_to,
    prepare,
    unfit_candidate,
    unfit_champion,
)
from tripline_training.retraining.reference import MoneyThan, find_reference
from tripline_training.retraining.windows import (
    FIXED_KEY,
    fixed_from_now_on,
    has_both,
    spans_as_json,
)
from tripline_training.selection.choose_features import refuse_constant
from tripline_training.selection.used_features import used_by_trees
from tripline_training.steps import step
from tripline_training.trees.export_onnx import predict_onnx
from tripline_training.trees.fit_calibrated import fit_with_days_to_spare
from tripline_training.trees.params import Params, read_params
from tripline_training.trees.publish_trees import (
    Lineage,
    compose_facts,
    export_checked,
    files_of,
    moment,
    vocabulary_facts,
)

ALIASES = ("challenger", "shadow")
"""The candidate, and what the decisions service scores without deciding by it."""
DATA_EXIT_CODE = 2


@dataclass(frozen=True)
class Outcome:
    line: str
    """The last line of the command."""
    version: str | None
    """Version of the registered model."""
    data_refused: bool = False
    comparison: dict[str, Any] | None = None
    """For a candidate that was registered by hand: the result, which its manifest cannot contain."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(record: dict[str, Any]) -> "Outcome":
        return Outcome(record["line"], record["version"], record["data_refused"], record.get("comparison"))


@dataclass(frozen=True)
class Candidate:
    weight: float
    """Weight of each payment before a drift."""
    rows: Rows
    known_by_ms: int
    booster: Any
    model: bytes
    card: bytes | None
    calibration: dict[str, Any]

    @property
    def version(self) -> str:
        return registry.version_of(self.model)


@dataclass(frozen=True)
class Chosen:
    """The registered model, if there is one."""

    candidate: Candidate
    measured: Measured
    measured_card: bytes | None
    """A scorecard to measure on the newest weeks, because it was not trained on them."""
    learnt_to_ms: int
    fixed: list[list[str]]
    """The old weeks that its manifest contains."""


BEFORE_DRIFT_WEIGHT = 0.3
"""Weight of old payments for the second candidate after a drift. docs/adr/0034 has the measurements."""


def challenge(options: Options, folder: Path) -> Outcome:
    """Raises TrainingError if no decision is possible; nothing is registered in that case."""
    refused = _refuse_data(options)
    if refused is not None:
        return Outcome(f"retrain: kept champion because {refused}", None, data_refused=True)
    prepared = prepare(options)
    reason = unfit_champion(prepared) or _refuse_weeks(prepared, options)
    if isinstance(reason, Outcome):
        return reason
    if reason is not None:
        return Outcome(f"retrain: kept champion because {reason}", None)
    if options.candidate is not None:
        return _judge_registered(prepared, options, options.candidate)
    prepared = choose_prepared(prepared, options)
    candidate, measured = _best_candidate(prepared, options, folder)
    reason = why_champion_is_kept(measured, candidate.version, prepared.rules)
    windows = prepared.windows
    chosen = Chosen(candidate, measured, candidate.card, windows.train.to_ms, fixed_from_now_on(windows))
    if reason is None and prepared.known is not None:
        chosen, reason = _learn_newest(chosen, prepared, prepared.known, options, folder)
    print(f"money: {chosen.measured.money_sentence}", flush=True)
    if reason is not None:
        return Outcome(f"retrain: kept champion because {reason} {figures_of(chosen.measured)}", None)
    return _register(chosen, prepared, options)


def _judge_registered(prepared: Prepared, options: Options, asked: str) -> Outcome:
    """Compares a manually registered model with the champion, using the checks and rules for retrained models.

    It must be better: only a retrained model, which learns the newest weeks, may be only as good as the champion.
    """
    store = registry.registry_root(options.registry)
    found = registry.resolve(store, options.name, asked)
    reason = unfit_candidate(found, prepared)
    if reason is not None:
        return Outcome(f"retrain: kept champion because {reason}", None)
    refuse_constant(found.manifest.get("used_features", found.manifest["features"]), options.constant_online)
    candidate = Candidate(1.0, prepared.train, options.cutoff_ms, None, found.model, None, {})
    measured = replace(_measure(candidate, new_to(found, prepared), options), is_under_way=False)
    reason = why_champion_is_kept(measured, found.version, prepared.rules)
    print(f"money: {measured.money_sentence}", flush=True)
    if reason is not None:
        return Outcome(f"retrain: kept champion because {reason} {figures_of(measured)}", None)
    figures = figures_of(measured)
    _move_aliases(store, options, found.version, f"compared by the labels of {moment(options.cutoff_ms)}: {figures}")
    comparison = {
        "version": found.version,
        "champion": measured.champion_version,
        "money": None if measured.money is None else measured.money.sentence,
        AGREEMENT_KEY: measured.agreement,
    }
    line = f"retrain: registered={ALIASES[0]} version={found.version} {figures}"
    return Outcome(line, found.version, comparison=comparison)


def _move_aliases(store: registry.Store, options: Options, version: str, why: str) -> None:
    for alias in ALIASES:
        if alias_version(store, options.name, alias) != version:
            registry.set_alias(store, options.name, alias, version, MoveOptions(by="retrain", why=why))


def _learn_newest(
    measured: Chosen, prepared: Prepared, known: Rows, options: Options, folder: Path
) -> tuple[Chosen, str | None]:
    """Also trains on the newest weeks, and keeps that model unless it is too much worse on the old weeks.

    Returns the choice and, if no model is better than the champion, the reason.
    """
    newer = _learn(known, options.cutoff_ms, measured.candidate.weight, options, folder)
    figures = replace(measured.measured, old=_compare_old(newer, prepared, options))
    against = why_old_weeks_keep(figures, prepared.rules)
    if against is None:
        windows = prepared.windows
        card = None if newer.card is None else measured.measured_card
        return Chosen(newer, figures, card, windows.newest.to_ms, spans_as_json(windows.named)), None
    print(f"newest weeks: not used for training, because {against}", flush=True)
    # Only for a model that was trained on newer days is it sufficient to be as good as the champion.
    usual = replace(measured.measured, is_under_way=False)
    reason = why_champion_is_kept(usual, measured.candidate.version, prepared.rules)
    return measured, None if reason is None else f"{against} Without the newest weeks {reason}"


def _refuse_data(options: Options) -> str | None:
    with step("check") as said:
        rules = replace(LIVE_RULES, feature_auc_max=options.feature_auc_max, has_auc_option=True)
        report: DataReport = check_data(options.features, options.feature_spec, rules)
        for finding in report.warnings:
            print(f"warning: {finding.sentence}", flush=True)
        said.says(f"rows={report.rows} labelled={report.labelled} frauds={report.frauds} faults={len(report.faults)}")
    return f"the data is not suitable for training: {sentences_of(report)}" if report.faults else None


def _refuse_weeks(prepared: Prepared, options: Options) -> Outcome | None:
    # With only the training days, a week might have just two working days left, and its weekend would be missed.
    rows = prepared.whole
    weeks = weeks_before(rows, prepared.windows.newest.to_ms)
    with step("weeks") as said:
        findings = check_stopped_features(weeks, prepared.spec.names)
        scores = _reference_scores(rows, prepared.champion)
        findings += check_week_labels(weeks, scores)
        said.says(f"weeks={len(weeks)} faults={len(findings)} trusted={options.trust_weeks}")
    # A model without that profile may still be better. A model with it is compared using the profiles that payments
    # really had.
    optional = {name for group in prepared.spec.groups for name in group.features}
    for finding in (one for one in findings if one.column in optional):
        print(f"warning: {finding.sentence}", flush=True)
    findings = [one for one in findings if one.column not in optional]
    for finding in findings:
        print(f"{'warning' if options.trust_weeks else 'fault'}: {finding.sentence}", flush=True)
    if not findings or options.trust_weeks:
        return None
    more = f" And {len(findings) - 1} more." if len(findings) > 1 else ""
    return Outcome(
        f"retrain: kept champion because a week is bad: {findings[0].sentence}{more} Fix it, or pass --trust-weeks "
        "if it is correct.",
        None,
        data_refused=True,
    )


def _reference_scores(rows: Rows, champion: registry.ModelVersion | None) -> np.ndarray:
    if champion is None:
        return strongest_feature(rows)
    return predict_onnx(champion.model, rows.features).astype(np.float64)


def _best_candidate(prepared: Prepared, options: Options, folder: Path) -> tuple[Candidate, Measured]:
    """The best candidate on the newest weeks. Candidates that are better than the champion take precedence."""
    found = []
    for weight in _weights(prepared, options):
        candidate = _learn(prepared.train, prepared.windows.newest.from_ms, weight, options, folder)
        measured = _measure(candidate, prepared, options)
        found.append((candidate, measured))

    def rank(each: tuple[Candidate, Measured]) -> tuple[bool, float]:
        candidate, measured = each
        is_better = why_champion_is_kept(measured, candidate.version, prepared.rules) is None
        return is_better, measured.newest.ap.new

    return max(found, key=rank)


def _weights(prepared: Prepared, options: Options) -> list[float]:
    """After a drift, old days may either help or hurt, so both are tried."""
    if options.drift_ms is None:
        return [1.0]
    before = prepared.train.occurred_at_ms < options.drift_ms
    return [1.0, BEFORE_DRIFT_WEIGHT] if before.any() and not before.all() else [1.0]


def _learn(rows: Rows, known_by_ms: int, weight: float, options: Options, folder: Path) -> Candidate:
    params = read_params(options.params)
    delay_ms = known_by_ms - int(rows.occurred_at_ms[-1])

    def fit_rows(part: Rows, chosen: Params, seed: int, jobs: int) -> Any:  # noqa: ANN401 -- a booster
        importance = None if weight == 1 else np.where(part.occurred_at_ms < options.drift_ms, weight, 1.0)
        return fit_in_parts(part, chosen, seed, jobs, folder, importance=importance)

    with step("fit") as said:
        booster, calibration = fit_with_days_to_spare(
            rows, params, options.seed, options.jobs, delay_ms, fit_rows=fit_rows
        )
        before = "" if options.drift_ms is None else f" weight_before_drift={weight:g}"
        said.says(f"trees={booster.num_boosted_rounds()} calibration={calibration.kind}{before}")
    card = scorecard_to_publish(rows, read_feature_spec(options.feature_spec), delay_ms)
    model = export_checked(booster, rows, options.seed, card)
    return Candidate(weight, rows, known_by_ms, booster, model, card, asdict(calibration))


def _measure(candidate: Candidate, prepared: Prepared, options: Options) -> Measured:
    champion = prepared.champion
    with step("compare") as said:
        rows = prepared.newest
        than = _money_than(rows, candidate, prepared, options)
        measured = Measured(
            _compare(rows, candidate.model, prepared, options),
            _compare_old(candidate, prepared, options),
            None if champion is None else champion.version,
            segments=describe_segments(_described(rows, prepared, options), predict_onnx(candidate.model, rows.features)),
            is_under_way=options.drift_ms is not None and learnt_to(champion) > moment(options.drift_ms),
            agreement=_agreement(rows, candidate, prepared),
            money=None if than is None else than(_champion_scores(rows, prepared), "the champion"),
            reference=find_reference(registry.registry_root(options.registry), champion, rows, prepared.spec, than),
        )
        said.says(figures_of(measured))
    return measured


def _described(rows: Rows, prepared: Prepared, options: Options) -> Described:
    """The payments whose segments the model card shows, by tenant and currency if these are known."""
    kinds = () if prepared.money is None else prepared.money.kinds
    return Described(
        rows, options.feature_spec, options.features, prepared.rules.bands[0], kinds=kinds, seed=options.seed
    )


def _agreement(rows: Rows, candidate: Candidate, prepared: Prepared) -> dict[str, Any] | None:
    champion = prepared.champion
    if champion is None:
        return None
    new, old = (predict_onnx(model, rows.features) for model in (candidate.model, champion.model))
    return measure_agreement(rows, new, old, prepared.rules.bands, champion.version)


def _compare_old(candidate: Candidate, prepared: Prepared, options: Options) -> Comparison | None:
    return _compare(prepared.old, candidate.model, prepared, options) if has_both(prepared.old) else None


def _compare(rows: Rows, model: bytes, prepared: Prepared, options: Options) -> Comparison:
    new, champion = _both_scores(rows, model, prepared)
    return compare_scores(rows, new, champion, prepared.rules.replicates, options.seed, prepared.rules.bands)


def _money_than(rows: Rows, candidate: Candidate, prepared: Prepared, options: Options) -> MoneyThan | None:
    judge = prepared.money
    if judge is None:
        return None
    new = predict_onnx(candidate.model, rows.features).astype(np.float64)
    return lambda other, than: judge.compare(new, other, options.seed, than)


def _both_scores(rows: Rows, model: bytes, prepared: Prepared) -> tuple[np.ndarray, np.ndarray]:
    """Uses the ONNX models, because these are served."""
    return predict_onnx(model, rows.features).astype(np.float64), _champion_scores(rows, prepared)


def _champion_scores(rows: Rows, prepared: Prepared) -> np.ndarray:
    """A constant score if there is no champion."""
    if prepared.champion is None:
        return np.full(len(rows), float(np.average(prepared.train.fraud, weights=prepared.train.weights)))
    return predict_onnx(prepared.champion.model, rows.features).astype(np.float64)


def _params_used(prepared: Prepared, options: Options, weight: float, fixed: list[list[str]]) -> dict[str, Any]:
    drift = options.drift_ms
    return {
        **read_params(options.params).as_json(),
        "seed": options.seed,
        "jobs": options.jobs,
        FIXED_KEY: fixed,
        **({} if drift is None else {"drift": {"from": moment(drift), "weight_before": weight}}),
        "retrain": {key: value for key, value in prepared.rules.as_json().items() if key != FIXED_KEY},
    }


def _register(chosen: Chosen, prepared: Prepared, options: Options) -> Outcome:
    """Publishing and moving are idempotent, so they can be repeated after the process was killed."""
    candidate, measured = chosen.candidate, chosen.measured
    metrics = {
        "calibration": candidate.calibration,
        "retrain": measured.as_json(prepared.rules),
        "segments": measured.segments,
        "selection": prepared.selection.as_json(),
    }
    metrics |= measure_scorecard(chosen.measured_card, prepared.newest, prepared.spec.names)
    if measured.agreement is not None:
        metrics[AGREEMENT_KEY] = measured.agreement
    params = _params_used(prepared, options, candidate.weight, chosen.fixed) | {"on_disk": candidate.rows.mapped}
    lineage = Lineage(options.features, options.commit, params, candidate.known_by_ms)
    used = used_by_trees(candidate.model, candidate.card, prepared.spec.names)
    refuse_constant(used, options.constant_online)
    facts = compose_facts(prepared.spec, used, candidate.rows, metrics, lineage)
    facts |= vocabulary_facts(candidate.booster, prepared.spec)
    files = files_of(candidate.booster, candidate.model, candidate.rows, candidate.card)
    store = registry.registry_root(options.registry)
    with step("register") as said:
        if options.champion_version() != measured.champion_version:
            raise TrainingError("Another champion was promoted in the meantime. Run this again to compare with it.")
        version, _ = registry.publish(store, options.name, files, facts)
        why = f"retrained by the labels of {moment(options.cutoff_ms)}: {figures_of(measured)}"
        _move_aliases(store, options, version, why)
        said.says(f"{options.name} {version} aliases={','.join(ALIASES)}")
    figures = figures_of(measured, f"learnt_to={moment(chosen.learnt_to_ms)} ")
    return Outcome(f"retrain: registered={ALIASES[0]} version={version} {figures}", version)
