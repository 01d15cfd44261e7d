"""The reports of a day are compared with whole days of payments."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import DAY_MS, write_settled
from tripline_training.drift.judge_days import judge_day
from tripline_training.drift.read_days import read_days


def daily_reports(path: Path, *, last_report_day: int = 54, factor: int = 1, days: range = range(55)) -> Path:
    """400 payments per day, and 20 reports per day, dated 0:00, about payments 3 to 9 days earlier.

    The last day with reports has `factor` times as many.
    """
    rows = np.arange(days[0] * 400, 55 * 400)
    at = rows * (DAY_MS // 400)
    number = rows % 400
    reported_day = at // DAY_MS + 3 + number // 20 % 7
    fraud = (number % 20 == 7) & (reported_day <= last_report_day)
    fraud |= (number % 20 >= 20 - (factor - 1)) & (reported_day == last_report_day)
    mature_before_ms = (last_report_day - 10) * DAY_MS
    genuine = ~fraud & (at < mature_before_ms)
    known_ms = np.where(fraud, reported_day * DAY_MS, at + 10 * DAY_MS)
    labelled = fraud | genuine
    data = {
        "client_transaction_id": [f"t{row:06d}" for row in rows],
        "card_token": [f"ct_{row % 50}" for row in rows],
        "terminal_id": [f"term-{row % 20}" for row in rows],
        "occurred_at_ms": at,
        "labelled_at_ms": [int(ms) if known else None for ms, known in zip(known_ms, labelled, strict=True)],
        "fraud": [int(yes) if known else None for yes, known in zip(fraud, labelled, strict=True)],
        "amount": np.random.default_rng(1).random(len(rows)),
    }
    return write_settled(path, data, delay_days=10, mature_before_ms=mature_before_ms)


@pytest.mark.parametrize(
    ("options", "drifted"),
    [
        ({}, False),
        ({"factor": 3}, True),
        # The reports of the judged day have not arrived yet.
        ({"last_report_day": 53}, None),
        # Payments of the first days would have been labelled genuine, but are not in the file.
        ({"days": range(20, 55)}, None),
    ],
)
def test_reports_with_the_date_of_the_day_are_not_drift(
    tmp_path: Path, options: dict[str, Any], drifted: bool | None
) -> None:
    """regression #31: on the newest day, the reports counted, but the genuine payments did not."""
    days = read_days(daily_reports(tmp_path / "reports.parquet", **options), ["amount"], 26, 54)
    found = [each.drifted for each in judge_day(days, 54).judgements if each.column == "fraud_share"]
    assert found == ([] if drifted is None else [drifted])
