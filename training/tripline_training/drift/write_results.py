"""Writes the results of a comparison: metrics for Prometheus, and the event that starts a retraining."""

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tripline_training.data.days import DAY_MS
from tripline_training.drift.judge_days import DayVerdict, Limits, date_of

EVENT = "drift-detected"


def prometheus_text(verdict: DayVerdict, limits: Limits, model: str, now_ms: int) -> str:
    """The text format that node_exporter's textfile collector reads.

    Format: https://prometheus.io/docs/instrumenting/exposition_formats/
    """
    name = f'model="{_escape(model)}"'

    def series(metric: str, key: str) -> list[str]:
        return [
            f'{metric}{{{name},column="{_escape(j.column)}",kind="{j.kind}"}} {float(getattr(j, key))!r}'
            for j in verdict.judgements
        ]

    parts = [
        ("tripline_drift_distance", "Distance between the day and the days before it, by column.", "distance"),
        ("tripline_drift_threshold", "Distance above which the column counts as drifted.", "threshold"),
        ("tripline_drift_drifted", "1 if the column drifted.", "drifted"),
    ]
    lines = []
    for metric, text, key in parts:
        lines += [f"# HELP {metric} {text}", f"# TYPE {metric} gauge", *series(metric, key)]
    singles = [
        ("tripline_drift_columns_drifted", "Number of columns that drifted.", len(verdict.drifted)),
        ("tripline_drift_rows", "Number of compared payments of the day.", verdict.rows),
        ("tripline_drift_window_days", "Number of days with which the day was compared.", limits.window_days),
        ("tripline_drift_day_seconds", "Start of the compared day.", verdict.day * DAY_MS // 1000),
        ("tripline_drift_last_run_seconds", "Time of the comparison.", now_ms / 1000),
    ]
    for metric, text, value in singles:
        lines += [f"# HELP {metric} {text}", f"# TYPE {metric} gauge", f"{metric}{{{name}}} {value}"]
    return "\n".join(lines) + "\n"


def event_of(
    verdict: DayVerdict, limits: Limits, model: str, now_ms: int, reference: range | None = None
) -> dict[str, Any]:
    """`reference` names the days with which the day was compared, unless these immediately precede it.

    The same day, model and columns always produce the same `event_id`, so that a repeated run is recognised as a
    duplicate.
    """
    columns = [
        {"column": j.column, "kind": j.kind, "distance": j.distance, "threshold": j.threshold, "p_value": j.p_value}
        for j in verdict.drifted
    ]
    identity = json.dumps([EVENT, model, verdict.day, [column["column"] for column in columns]])
    worst = verdict.drifted[0]
    day = verdict.day
    window = range(day - limits.window_days, day) if reference is None else reference[-limits.window_days :]
    those = f"the {len(window)} days before" if reference is None else f"{date_of(window[0])} to {date_of(window[-1])}"
    if worst.kind == "performance":
        those = "the weeks before"
    return {
        "type": EVENT,
        "event_id": hashlib.sha256(identity.encode()).hexdigest()[:32],
        "detected_at": datetime.fromtimestamp(now_ms / 1000, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z"),
        "model": model,
        "day": date_of(verdict.day),
        "compared_with": {
            "from": date_of(window[0]),
            "to": date_of(window[-1]),
        },
        "rows": verdict.rows,
        "columns": columns,
        "sentence": (
            f"{len(columns)} of {len(verdict.judgements)} columns drifted on {date_of(verdict.day)}, most strongly "
            f"{worst.column}: its distance from {those} is {worst.distance:.3f}, above {worst.threshold:.3f}."
        ),
    }


def write_whole(path: Path, text: str) -> None:
    """Written atomically, so that a collector always reads either the old or the new text."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
