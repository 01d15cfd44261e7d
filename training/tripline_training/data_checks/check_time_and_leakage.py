"""Checks across rows: time order, labels that arrive too early, features that leak the future, class balance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from tripline_training.data.tables import arrays, query, sql_name
from tripline_training.data_checks.feature_kinds import KEYS_IN_FILE, LABEL_KINDS, SpecFeature
from tripline_training.data_checks.findings import ColumnProfile, Finding, Level

SAMPLE_ROWS_MAX = 30_000
"""Number of genuine payments used for the AUC of single features, in addition to all frauds."""
FRAUDS_FOR_AUC_MIN = 20


@dataclass(frozen=True)
class Rules:
    label_delay_ms_min: int = 60_000
    """No label arrives sooner after its payment, because an analyst or a bank must review it first."""
    feature_auc_max: float = 0.98
    """A single feature that separates fraud this well has probably seen the label: good models do not reach it. 1: any
    feature is accepted."""
    has_auc_option: bool = False
    """Whether the program has the option --feature-auc-max, so that a message can name it."""
    feature_auc_warning: float = 0.95
    early_change: Level = "fault"
    """The severity if a label feature changed before a label of its entity was known."""
    fraud_share_warning: tuple[float, float] = (0.0001, 0.2)


LIVE_RULES = Rules(label_delay_ms_min=0, early_change="warning")
"""For the archive of a running system, which keeps every row: one label that was immediate, or corrected later, must
not stop all later training. Training uses a payment only if its label was known in time."""


def check_time_order(table: str, now_ms: int, rules: Rules) -> list[Finding]:
    """Payments in the future, labels before their delay, a file that is not sorted by time, days without payments."""
    delay_ms = rules.label_delay_ms_min
    early = "labelled_at_ms < occurred_at_ms"
    future, before, soon = query(
        f"SELECT count(*) FILTER (occurred_at_ms > {now_ms}), count(*) FILTER ({early}), "
        f"count(*) FILTER (labelled_at_ms < occurred_at_ms + {delay_ms} AND NOT {early}) FROM {table}"
    ).fetchall()[0]
    backwards = query(
        f"SELECT count(*) FILTER (back) FROM (SELECT occurred_at_ms < lag(occurred_at_ms) OVER () AS back FROM {table})"
    ).fetchall()[0][0]
    days, first, last = query(
        f"SELECT count(DISTINCT day), min(day), max(day) FROM (SELECT occurred_at_ms // 86400000 AS day FROM {table})"
    ).fetchall()[0]
    missing_days = 0 if first is None else last - first + 1 - days
    found: list[tuple[str, str, Level, int, str]] = [
        ("occurred_at_ms", "time-order", "fault", future, "rows are in the future; the unit is milliseconds, UTC"),
        (
            "labelled_at_ms",
            "leakage",
            "fault",
            before,
            "rows have a label older than the payment",
        ),
        (
            "labelled_at_ms",
            "leakage",
            "fault",
            soon,
            f"rows have a label within {delay_ms / 1000:g} s of the payment, less than the minimum label "
            "delay; a model would be trained on information that is not available at scoring time",
        ),
        (
            "occurred_at_ms",
            "time-order",
            "warning",
            backwards,
            "rows come after a later payment; sort the file by time",
        ),
        (
            "occurred_at_ms",
            "time-order",
            "warning",
            missing_days,
            "days between the first and the last day have no payment",
        ),
    ]
    return [
        Finding(column, check, level, int(count), f"{column}: {count} {sentence}.")
        for column, check, level, count, sentence in found
        if count > 0
    ]


def check_class_balance(labelled: int, frauds: int, rows: int, rules: Rules) -> list[Finding]:
    low, high = rules.fraud_share_warning
    if labelled == 0:
        return [_balance("fault", f"none of {rows} rows is labelled, so there is nothing to learn")]
    if frauds in (0, labelled):
        what = "no labelled row is fraud" if frauds == 0 else "every labelled row is fraud"
        return [_balance("fault", f"{what}, so there is nothing to learn")]
    if not low <= frauds / labelled <= high:
        share = f"{frauds} of {labelled} labelled rows are fraud ({frauds / labelled:.3%})"
        return [_balance("warning", f"{share}, outside {low:.2%} to {high:.0%}; check that the labels are right")]
    return []


def check_single_features(
    table: str, features: list[SpecFeature], rules: Rules
) -> tuple[list[ColumnProfile], list[Finding]]:
    """Each feature's profile, and the features that on their own separate frauds too well or never change.

    The AUC compares all frauds with an even sample of the genuine payments, chosen by a hash of the id. Values must be
    finite.
    """
    named = ", ".join(sql_name(feature.name) for feature in features)
    total = query(f"SELECT count(*) FILTER (fraud::BIGINT = 0) FROM {table}").fetchall()[0][0]
    share = min(1.0, SAMPLE_ROWS_MAX / max(total, 1))
    sampled = f"hash(client_transaction_id) % 1000000 < {round(share * 1_000_000)}"
    columns = arrays(
        f"SELECT fraud::BIGINT AS fraud, {named} FROM {table} "
        f"WHERE fraud IS NOT NULL AND (fraud::BIGINT = 1 OR {sampled})"
    )
    fraud = columns["fraud"].astype(np.int64)
    measured = ", ".join(
        f"min({name}), avg({name}), max({name}), approx_count_distinct({name})"
        for name in (sql_name(feature.name) for feature in features)
    )
    row = query(f"SELECT {measured} FROM {table}").fetchall()[0]
    profiles: list[ColumnProfile] = []
    findings: list[Finding] = []
    for position, feature in enumerate(features):
        low, mean, high, distinct = row[4 * position : 4 * position + 4]
        auc = single_feature_auc(columns[feature.name].astype(np.float64), fraud)
        profiles.append(ColumnProfile(feature.name, float(low), float(mean), float(high), int(distinct), auc))
        findings += _judge_feature(feature.name, low == high, auc, rules)
    return profiles, findings


def single_feature_auc(values: NDArray[np.float64], fraud: NDArray[np.int64]) -> float | None:
    """The area under the ROC curve, or its complement if small values indicate fraud; None if a class has too few rows.

    Computed from the rank sum of Mann and Whitney, with mean ranks for equal values.
    """
    frauds = int(fraud.sum())
    genuine = len(fraud) - frauds
    if frauds < FRAUDS_FOR_AUC_MIN or genuine < FRAUDS_FOR_AUC_MIN:
        return None
    ranks = rankdata(values)
    area = (float(ranks[fraud == 1].sum()) - frauds * (frauds + 1) / 2) / (frauds * genuine)
    return max(area, 1 - area)


def _judge_feature(name: str, constant: bool, auc: float | None, rules: Rules) -> list[Finding]:
    if constant:
        return [Finding(name, "range", "warning", 0, f"{name}: the value never changes, so the feature is useless.")]
    if auc is None or auc < rules.feature_auc_warning:
        return []
    level: Level = "fault" if rules.feature_auc_max < 1 and auc >= rules.feature_auc_max else "warning"
    is_accepted_by_option = level == "fault" and rules.has_auc_option
    accept = f"; if not, raise --feature-auc-max, which is {rules.feature_auc_max:g}" if is_accepted_by_option else ""
    sentence = (
        f"{name}: alone it separates fraud with an AUC of {auc:.4f}; a value known at the time of the payment is "
        f"rarely that good, so check whether it uses the label or the future{accept}."
    )
    return [Finding(name, "leakage", level, 0, sentence)]


def check_labels_in_features(table: str, features: list[SpecFeature], rules: Rules) -> tuple[list[Finding], str | None]:
    """Features over labels that changed before the first label of their entity can have arrived.

    This check requires the whole history: no card may have payments before its first payment in the file. A file that
    continues from an earlier state is not checked; the second value then says so.
    """
    note = _unknown_past(table, features)
    if note is not None:
        return [], note
    groups: dict[str | None, list[SpecFeature]] = {}
    for feature in features:
        if feature.kind in LABEL_KINDS:
            groups.setdefault(_key_in_file(feature), []).append(feature)
    return [finding for key, own in groups.items() for finding in _early_changes(table, key, own, rules)], None


def _key_in_file(feature: SpecFeature) -> str | None:
    """The column whose labels include all labels of the feature's entity; None if only the whole file does."""
    return next((key for key in KEYS_IN_FILE if key in feature.key_fields), None)


def _early_changes(table: str, key: str | None, features: list[SpecFeature], rules: Rules) -> list[Finding]:
    counts = ", ".join(
        f"count(*) FILTER (abs({sql_name(feature.name)} - {feature.default!r}) > 1e-9)" for feature in features
    )
    first = f"SELECT {'' if key is None else f'{key}, '}min(labelled_at_ms) AS first_label_ms FROM {table}"
    labels = f"CROSS JOIN ({first})" if key is None else f"JOIN ({first} GROUP BY {key}) USING ({key})"
    row = query(
        f"SELECT {counts} FROM {table} {labels} WHERE first_label_ms IS NULL OR occurred_at_ms < first_label_ms"
    ).fetchall()[0]
    of = {"card_token": "of their card", "terminal_id": "of their terminal", None: "in the file"}[key]
    return [
        Finding(
            feature.name,
            "leakage",
            rules.early_change,
            int(count),
            f"{feature.name}: {count} rows reflect labels before the first label {of} arrived; compute the "
            "feature from labels by the time they arrived.",
        )
        for feature, count in zip(features, row, strict=True)
        if count > 0
    ]


def _unknown_past(table: str, features: list[SpecFeature]) -> str | None:
    since = [f for f in features if f.kind == "seconds_since_last" and f.entity == "card"]
    if not since:
        return "Not checked whether features reflect labels too early: no feature says when a card's last payment was."
    value, default = sql_name(since[0].name), since[0].default
    warm = query(
        f"SELECT count(*) FROM (SELECT {value} AS value FROM {table} QUALIFY row_number() OVER "
        f"(PARTITION BY card_token ORDER BY occurred_at_ms, client_transaction_id) = 1) "
        f"WHERE abs(value - {default!r}) > 1e-9"
    ).fetchall()[0][0]
    if warm == 0:
        return None
    return (
        f"Not checked whether features reflect labels too early: {warm} cards had payments before this file begins, "
        "so their earlier labels are not in it."
    )


def _balance(level: Level, sentence: str) -> Finding:
    return Finding("fraud", "class-balance", level, 0, f"fraud: {sentence}.")
