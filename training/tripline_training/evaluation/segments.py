"""The same measures for parts of the payments, because a model may be good overall but bad where it matters."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tripline_training.data.dataset import Rows
from tripline_training.data.days import DAY_MS
from tripline_training.data.tables import query, table_at
from tripline_training.data_checks.feature_kinds import read_spec_features
from tripline_training.evaluation.cost_matrix import CostMatrix, money_saved, stop_by_expected_cost
from tripline_training.evaluation.measures import auc_roc, average_precision, counts_from_top, rank_scores
from tripline_training.evaluation.read_scored import Scored
from tripline_training.evaluation.segment_intervals import Scores, ratios_of
from tripline_training.metrics import weighted_mean

AMOUNT_BANDS = (0.0, 10.0, 50.0, 100.0, 200.0, np.inf)
HOUR_BANDS = (0, 6, 12, 18, 24)
NEW_CARD_DAYS = 7
FRAUDS_FOR_MEASURES_MIN = 5
"""With fewer frauds, AP and AUC are not meaningful."""
TERMINALS_NAMED_MAX = 10
KINDS_DESCRIBED_MAX = 20
HOUR_MS = 3_600_000

Part = tuple[str, str, NDArray[np.bool_]]
"""Kind, name, and the payments that belong to it."""


@dataclass(frozen=True)
class Segment:
    kind: str
    name: str
    rows: int
    """Number of payments that the rows represent."""
    frauds: int
    average_precision: float | None
    auc_roc: float | None
    predicted: float
    """Mean score, to compare with the share of fraud."""
    money_saved: float
    money_saved_share: float

    def as_json(self) -> dict[str, Any]:
        return {**self.__dict__}


@dataclass(frozen=True)
class MissedTerminal:
    terminal: str
    missed_frauds: int
    missed_amount: float
    frauds: int


def measure_segments(scored: Scored, costs: CostMatrix) -> list[Segment]:
    """By amount, by hour of the day (UTC), by age of the card within the file, and by the terminal's traffic."""
    busy = np.bincount(scored.terminals)[scored.terminals]
    has_terminal = np.array(scored.terminal_names, dtype=object)[scored.terminals] != ""
    low, high = np.quantile(busy[has_terminal], (1 / 3, 2 / 3)) if has_terminal.any() else (0.0, 0.0)
    parts: list[Part] = [
        *_bands(scored.amounts, scored.occurred_at_ms),
        ("card", f"first seen within {NEW_CARD_DAYS} days", scored.card_age_days < NEW_CARD_DAYS),
        ("card", f"first seen {NEW_CARD_DAYS} or more days before", scored.card_age_days >= NEW_CARD_DAYS),
        ("terminal", f"quiet: at most {low:g} payments", has_terminal & (busy <= low)),
        ("terminal", f"up to {high:g} payments", has_terminal & (busy > low) & (busy <= high)),
        ("terminal", f"busy: more than {high:g} payments", has_terminal & (busy > high)),
        ("terminal", "without a terminal", ~has_terminal),
    ]
    return [_measure(kind, name, scored, within, costs) for kind, name, within in parts if within.any()]


def amounts_of(rows: Rows, feature_spec: Path) -> NDArray[np.float32] | None:
    """Amounts in major units; None if the spec has no amount."""
    kinds = [feature.kind for feature in read_spec_features(feature_spec)]
    return rows.features[:, kinds.index("amount")] if "amount" in kinds else None


@dataclass(frozen=True)
class Kinds:
    """A property of each row, for example its tenant or its currency."""

    names: list[str]
    """Sorted."""
    of_row: NDArray[np.int64]
    """Positions in `names`."""

    def largest(self, count: int) -> list[int]:
        """The positions of the names with the most rows."""
        return np.argsort(-np.bincount(self.of_row, minlength=len(self.names)), kind="stable")[:count].tolist()


@dataclass(frozen=True)
class Described:
    """Payments whose segments a model's card shows."""

    rows: Rows
    feature_spec: Path
    features: Path
    """The file from which the payments come."""
    band: float
    """Genuine payments with at least this score count as false positives."""
    kinds: tuple[tuple[str, Kinds], ...] = ()
    """Further kinds of segments, such as `tenant`. Only the largest segments of each kind are described."""
    seed: int = 0


def describe_segments(given: Described, scores: NDArray[np.floating]) -> list[dict[str, Any]]:
    """Figures for the segments in a model's manifest, from which the model card shows where the model is weak.

    The segments are by amount, hour of the day (UTC), new cards and `kinds`. Empty if the spec has no amount, or
    without payments.
    """
    rows = given.rows
    amounts = amounts_of(rows, given.feature_spec)
    if amounts is None or len(rows) == 0:
        return []
    times = np.ones(len(rows)) if rows.weights is None else rows.weights
    is_new = _is_new_card(rows, given.features)
    parts: list[Part] = [
        *_bands(amounts, rows.occurred_at_ms),
        ("card", f"first seen within {NEW_CARD_DAYS} days", is_new),
        ("card", f"first seen {NEW_CARD_DAYS} or more days before", ~is_new),
        *(
            (kind, kinds.names[number], kinds.of_row == number)
            for kind, kinds in given.kinds
            for number in kinds.largest(KINDS_DESCRIBED_MAX)
        ),
    ]
    parts = [part for part in parts if part[2].any()]
    measured = Scores(rows.cards, rows.fraud, scores, times, given.band)
    ratios = ratios_of(measured, [within for _, _, within in parts], given.seed)
    described: list[dict[str, Any]] = []
    for (kind, name, within), (calibration, false_positives) in zip(parts, ratios, strict=True):
        fraud, represented = rows.fraud[within], times[within]
        ap, auc = _rank_measures(fraud, scores[within], represented)
        described.append(
            {
                "kind": kind,
                "name": name,
                "rows": round(float(represented.sum())),
                "frauds": round(float(represented @ fraud)),
                "mean_score": weighted_mean(scores[within], represented),
                "average_precision": ap,
                "auc_roc": auc,
                "calibration": calibration.as_json(),
                "false_positives": {"band": given.band, **false_positives.as_json()},
            }
        )
    return described


def _is_new_card(rows: Rows, features: Path) -> NDArray[np.bool_]:
    """For each row, whether the card's first payment in the file was less than `NEW_CARD_DAYS` earlier."""
    since_ms = int(rows.occurred_at_ms.min()) - NEW_CARD_DAYS * DAY_MS
    key = "md5_number_lower(card_token)" if rows.mapped else "card_token"
    found = query(
        f"SELECT {key} AS card, min(occurred_at_ms) AS first_ms FROM {table_at(features)} "
        f"GROUP BY card_token HAVING min(occurred_at_ms) > {since_ms}"
    ).fetchnumpy()
    cards = np.asarray(found["card"]).astype(rows.cards.dtype if rows.mapped else str)
    if len(cards) == 0:
        return np.zeros(len(rows), dtype=bool)
    wanted = rows.cards if rows.mapped else rows.cards.astype(str)
    order = np.argsort(cards, kind="stable")
    at = order[np.minimum(np.searchsorted(cards[order], wanted), len(cards) - 1)]
    age_ms = rows.occurred_at_ms - np.asarray(found["first_ms"]).astype(np.int64)[at]
    return (cards[at] == wanted) & (age_ms < NEW_CARD_DAYS * DAY_MS)


def _bands(amounts: NDArray[np.floating], occurred_at_ms: NDArray[np.int64]) -> list[Part]:
    hours = (occurred_at_ms // HOUR_MS) % 24
    return [
        *(
            ("amount", f"{a:g} to {b:g}" if np.isfinite(b) else f"from {a:g}", (amounts >= a) & (amounts < b))
            for a, b in pairwise(AMOUNT_BANDS)
        ),
        *(("hour (UTC)", f"{a:02}:00 to {b:02}:00", (hours >= a) & (hours < b)) for a, b in pairwise(HOUR_BANDS)),
    ]


def missed_terminals(scored: Scored, costs: CostMatrix) -> list[MissedTerminal]:
    """The terminals with the largest losses from frauds that decisions by expected cost approve."""
    stopped = stop_by_expected_cost(costs, scored.amounts, scored.scores)
    of_frauds = scored.times * (scored.fraud == 1)
    of_missed = of_frauds * ~stopped
    size = len(scored.terminal_names)
    amount = np.bincount(scored.terminals, weights=of_missed * scored.amounts, minlength=size)
    count = np.bincount(scored.terminals, weights=of_missed, minlength=size)
    frauds = np.bincount(scored.terminals, weights=of_frauds, minlength=size)
    worst = [t for t in np.lexsort((np.arange(size), -amount)) if count[t] and scored.terminal_names[t] != ""]
    named = worst[:TERMINALS_NAMED_MAX]
    return [
        MissedTerminal(scored.terminal_names[t], round(float(count[t])), float(amount[t]), round(float(frauds[t])))
        for t in named
    ]


def _measure(kind: str, name: str, scored: Scored, within: NDArray[np.bool_], costs: CostMatrix) -> Segment:
    fraud, scores, times = scored.fraud[within], scored.scores[within], scored.times[within]
    ap, auc = _rank_measures(fraud, scores, times)
    money = money_saved(costs, scored.amounts[within], fraud, scores, times)
    return Segment(
        kind=kind,
        name=name,
        rows=round(float(times.sum())),
        frauds=round(float(times @ fraud)),
        average_precision=ap,
        auc_roc=auc,
        predicted=weighted_mean(scores, times),
        money_saved=money.saved,
        money_saved_share=money.saved_share,
    )


def _rank_measures(
    fraud: NDArray[np.int64], scores: NDArray[np.floating], times: NDArray[np.float64]
) -> tuple[float | None, float | None]:
    """AP and AUC; None if there are too few frauds or no genuine payments."""
    frauds = int(fraud.sum())
    if frauds < FRAUDS_FOR_MEASURES_MIN or frauds == len(fraud):
        return None, None
    counts = counts_from_top(rank_scores(scores), fraud, times)
    return average_precision(*counts), auc_roc(*counts)
