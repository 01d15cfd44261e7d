"""Evidently's HTML report, which compares a day with earlier days. The training environment does not include Evidently.
"""

from pathlib import Path

import numpy as np

from tripline_training.drift.judge_days import DayVerdict, Limits, date_of
from tripline_training.drift.read_days import Days
from tripline_training.errors import TrainingError

ROWS_MAX = 20_000
"""Maximum rows of each side, sampled evenly over time, because the report contains all points that it draws."""


def write_evidently_report(path: Path, days: Days, verdict: DayVerdict, limits: Limits) -> None:
    """Evidently uses its own bins, but the verdict's thresholds.

    Raises TrainingError if Evidently is not installed.
    """
    try:
        import pandas as pd  # noqa: PLC0415 -- only here, since importing Evidently takes seconds
        from evidently import DataDefinition, Dataset, Report  # noqa: PLC0415
        from evidently.presets import DataDriftPreset  # noqa: PLC0415
    except ImportError as error:
        raise TrainingError(
            f"--report requires Evidently ({error}): run this command with the interpreter that "
            "`npm run tripline -- python --environment drift` prints."
        ) from error
    before = (days.day >= verdict.day - limits.window_days) & (days.day < verdict.day)
    names = [column.name for column in days.columns]
    categories = [column.name for column in days.columns if column.is_category]
    numbers = [name for name in names if name not in categories]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories or None)

    def frame(rows: np.ndarray) -> "Dataset":
        chosen = np.flatnonzero(rows)
        chosen = chosen[np.unique(np.linspace(0, len(chosen) - 1, min(len(chosen), ROWS_MAX)).astype(np.int64))]
        table = pd.DataFrame({column.name: column.values[chosen] for column in days.columns})
        return Dataset.from_pandas(table, data_definition=definition)

    judged = {judgement.column: judgement for judgement in verdict.judgements}
    preset = DataDriftPreset(
        columns=names, method="psi", per_column_threshold={name: judged[name].threshold for name in names}
    )
    result = Report([preset]).run(
        current_data=frame(days.day == verdict.day),
        reference_data=frame(before),
        name=f"{date_of(verdict.day)} vs. the {limits.window_days} days before",
    )
    result.save_html(str(path))
