"""Drift in a lake, end to end: `tripline drift` on an archive, with its report and metrics."""

import re
from pathlib import Path

import pytest

from tests.drift.conftest import History, MakeHistory, tripline

LAST_DAY = 28
CLEAN_DAYS = range(15, 29)
LAST = "occurred_at_ms >= epoch_ms(TIMESTAMP '2026-02-28')"
SCORE = "score: `1 / (1 + exp(6 - ln(1 + f.amount) - f.card_ratio_usual / 4))`"
# On the last day, amounts are 50 % larger, and the deciding scores are higher.
SHIFT = f"values: {{ amount: `CASE WHEN {LAST} THEN 1.5 * f.amount ELSE f.amount END` }}, {SCORE}"
RISE = f"score: `CASE WHEN {LAST} THEN 0.05 ELSE 0 END + {SCORE[8:-1]}`"


@pytest.fixture(scope="module")
def history(make_history: MakeHistory) -> History:
    """60 days of about 600 payments, and the start of 1 March, so that 28 February is complete."""
    return make_history(cards=300, terminals=200, days=60, until="2026-03-01T02:00:00Z")


def drift(lake: Path, *more: str, codes: tuple[int, ...] = (0,)) -> str:
    return tripline("drift", "--lake", str(lake), "--fail-on-drift", *more, codes=codes).stdout


def test_two_clean_weeks_raise_no_alarm(history: History) -> None:
    lake = history.lake("clean", SCORE)
    for day in CLEAN_DAYS:
        text = drift(lake, "--day", f"2026-02-{day}")
        assert text == f"drift: day=2026-02-{day} drifted=none event_sent=false\n"


def test_an_injected_shift_is_detected_at_the_end_of_its_day(history: History, tmp_path: Path) -> None:
    lake = history.lake("shifted", SHIFT)
    metrics, report = tmp_path / "drift.prom", tmp_path / "report.html"
    text = drift(lake, "--metrics", str(metrics), "--report", str(report), codes=(3,))
    assert re.search(r"^drift: day=2026-02-28 drifted=amount event_sent=false$", text, re.MULTILINE)
    assert f"columns drifted on 2026-02-{LAST_DAY}, most strongly amount" in text
    assert 'tripline_drift_drifted{model="fraud",column="amount",kind="feature"} 1.0' in metrics.read_text()
    assert "amount" in report.read_text(encoding="utf-8")
    # The previous day is normal. The shifted day is also found compared with January, possibly together with features
    # that count from the start of a young lake, such as the days since a terminal's first fraud.
    assert "drifted=none" in drift(lake, "--day", "2026-02-27")
    beside_january = drift(lake, "--reference", "2026-01-05..2026-02-05", codes=(3,))
    assert re.search(
        r"^drift: day=2026-02-28 drifted=(\S+,)?amount(,\S+)? event_sent=false$", beside_january, re.MULTILINE
    )


def test_detects_scores_that_rose(history: History) -> None:
    assert "drifted=score" in drift(history.lake("risen", RISE), codes=(3,))
