"""Features that windows and cumulative sums cannot compute, because they need a sequential fold. Both peers use this.

All entities are folded in parallel: first the first event of every entity, then the second event, and so on. Each turn
consists of a few array operations, and the number of turns is the number of events of the busiest entity.
"""

from collections.abc import Iterator

import numpy as np

CLIP = 2.5
PAYMENTS_MAX = 256


def turns(entities: np.ndarray) -> Iterator[np.ndarray]:
    """For each turn, the rows of one event per entity. An entity has the same position in every turn.

    entities: the number of the entity, from 0, of each row in event order. Entities with the most events come first.
    """
    order = np.argsort(entities, kind="stable")
    sizes = np.bincount(entities)
    starts = np.cumsum(sizes) - sizes
    busiest = np.argsort(-sizes, kind="stable")
    sizes, starts = sizes[busiest], starts[busiest]
    active = len(sizes) - np.searchsorted(sizes[::-1], np.arange(sizes.max(initial=0)), side="right")
    for turn, count in enumerate(active):
        yield order[starts[:count] + turn]


def ratio_to_usual(cards: np.ndarray, thousandths: np.ndarray) -> np.ndarray:
    """Amounts divided by the card's usual amount before the payment; NaN if there is none.

    The usual amount is the mean of the payments above 0, each clipped to CLIP times the mean so far. After every
    PAYMENTS_MAX payments, the weight of all earlier ones is halved.
    """
    amounts = thousandths.astype(float)
    ratios = np.full(len(amounts), np.nan)
    paid = np.flatnonzero(amounts)
    sums = np.zeros(cards.max(initial=0) + 1)
    # All cards in a turn have the same number of earlier payments.
    count = 0
    for turn in turns(cards[paid]):
        rows = paid[turn]
        sums = sums[: len(rows)]
        counted = amounts[rows]
        if count > 0:
            ratios[rows] = counted * count / sums
            counted = np.minimum(counted, np.ceil(CLIP * sums / count))
        sums += counted
        count += 1
        if count == PAYMENTS_MAX:
            count //= 2
            sums = np.ceil(sums / 2)
    nothing = np.flatnonzero(amounts == 0)
    if len(nothing) > 0:
        first = np.full(cards.max() + 1, len(amounts))
        first[cards[paid][::-1]] = paid[::-1]
        ratios[nothing] = np.where(nothing > first[cards[nothing]], 0, np.nan)
    return ratios


def runs_of_frauds(
    terminals: np.ndarray, occurred_at_ms: np.ndarray, fraud: np.ndarray, explained: np.ndarray
) -> dict[str, np.ndarray]:
    """The terminal's run of frauds after each label, by column name. Times are NaN if there is no run.

    Rows are labels in the order in which they were reported. A run consists of the unexplained frauds that took place
    after the last payment known to be genuine. A genuine payment that took place after the start of the run ends it.
    """
    entities = terminals.max(initial=0) + 1
    genuine, began, frauds = np.full(entities, -np.inf), np.full(entities, np.inf), np.zeros(entities)
    known = {name: np.empty(len(terminals)) for name in ("genuine_ms", "began_ms", "run")}
    for rows in turns(terminals):
        at, is_fraud = occurred_at_ms[rows], fraud[rows] == 1
        genuine, began, frauds = genuine[: len(rows)], began[: len(rows)], frauds[: len(rows)]
        joins = is_fraud & ~explained[rows] & (at > genuine)
        ends = ~is_fraud & (at >= began)
        began = np.where(ends, np.inf, np.where(joins, np.minimum(began, at), began))
        frauds = np.where(ends, 0, frauds + joins)
        genuine = np.where(is_fraud, genuine, np.maximum(genuine, at))
        known["genuine_ms"][rows], known["began_ms"][rows], known["run"][rows] = genuine, began, frauds
    for name in ("genuine_ms", "began_ms"):
        known[name][np.isinf(known[name])] = np.nan
    return known
