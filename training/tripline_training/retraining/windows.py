"""The days on which a retraining trains, and those on which it measures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tripline_training.data.dataset import Rows, Span, parse_moment_ms
from tripline_training.data.days import DAY_MS
from tripline_training.errors import TooEarlyError
from tripline_training.retraining.rules import WINDOWS_MAX, Rules
from tripline_training.trees.fit_calibrated import select_rows
from tripline_training.trees.publish_trees import moment

FIRST_WINDOW_DAYS = 7
"""Length of the window for a champion without old weeks. It begins after the champion's last label, so the champion
cannot have been trained on it."""
NEXT_WINDOW_DAYS = 180
"""When the last fixed weeks are older than this, the newest ones become fixed as well."""
FIXED_KEY = "fixed_windows"


@dataclass(frozen=True)
class Windows:
    train: Span
    """Except for the fixed weeks within it."""
    newest: Span
    fixed: list[Span]
    """In time order. Empty if the archive does not contain any."""
    named: list[Span]
    """Also includes weeks that are not old yet or not in the archive: no model is trained on them."""

    def as_text(self) -> str:
        fixed = ",".join(_text(span) for span in self.fixed) or "none"
        return f"train={_text(self.train)} newest={_text(self.newest)} old={fixed}"


def lay_out(first_ms: int, cutoff_ms: int, rules: Rules, champion: Mapping[str, Any] | None) -> Windows:
    """In time order: training, label delay, newest weeks, label delay, cut-off. `champion` is its manifest.

    Raises TooEarlyError if the archive is too short.
    """
    delay_ms = rules.label_delay_days * DAY_MS
    newest = Span(cutoff_ms - delay_ms - rules.newest_days * DAY_MS, cutoff_ms - delay_ms)
    to_ms = newest.from_ms - delay_ms
    from_ms = max(first_ms + rules.warm_up_days * DAY_MS, to_ms - rules.train_days_max * DAY_MS)
    days = (to_ms - from_ms) / DAY_MS
    if days < rules.train_days_min:
        needed = rules.warm_up_days + rules.train_days_min + rules.newest_days + 2 * rules.label_delay_days
        raise TooEarlyError(
            f"The archive leaves {max(days, 0):.1f} days to learn from, fewer than the {rules.train_days_min} in "
            f"retrain.train_days_min: it must reach back {needed} days from the cut-off {moment(cutoff_ms)}."
        )
    fixed = rules.fixed_spans or fixed_of(champion)
    return Windows(
        train=Span(from_ms, to_ms),
        newest=newest,
        # A partial week would be measured on different payments each time.
        fixed=sorted(
            (span for span in fixed if first_ms <= span.from_ms and span.to_ms <= newest.from_ms),
            key=lambda span: span.from_ms,
        ),
        named=fixed,
    )


def fixed_of(champion: Mapping[str, Any] | None) -> list[Span]:
    """The old weeks in a champion's manifest, or else the first weeks on which it cannot have been trained."""
    if champion is None:
        return []
    lineage = champion.get("lineage", {})
    named = lineage.get("params", {}).get(FIXED_KEY)
    if named:
        return [Span(parse_moment_ms(first), parse_moment_ms(end)) for first, end in named]
    known_by = lineage.get("known_by")
    if known_by is None:
        return []
    from_ms = parse_moment_ms(known_by)
    return [Span(from_ms, from_ms + FIRST_WINDOW_DAYS * DAY_MS)]


def fixed_from_now_on(windows: Windows) -> list[list[str]]:
    """The weeks that a registered model names, as RFC 3339 times: the old weeks, and sometimes also the newest ones."""
    fixed = list(windows.fixed)
    is_due = not fixed or windows.newest.from_ms - fixed[-1].to_ms > NEXT_WINDOW_DAYS * DAY_MS
    if is_due and len(fixed) < WINDOWS_MAX:
        fixed.append(windows.newest)
    return spans_as_json(fixed)


def spans_as_json(spans: list[Span]) -> list[list[str]]:
    return [[moment(span.from_ms), moment(span.to_ms)] for span in spans]


def outside(rows: Rows, spans: list[Span]) -> Rows:
    inside = np.zeros(len(rows), dtype=bool)
    for span in spans:
        inside |= (rows.occurred_at_ms >= span.from_ms) & (rows.occurred_at_ms < span.to_ms)
    return select_rows(rows, ~inside)


def has_both(rows: Rows) -> bool:
    return 0 < int(rows.fraud.sum()) < len(rows)


def _text(span: Span) -> str:
    return f"{_short(span.from_ms)}..{_short(span.to_ms)}"


def _short(time_ms: int) -> str:
    return moment(time_ms)[: 10 if time_ms % DAY_MS == 0 else 16]
