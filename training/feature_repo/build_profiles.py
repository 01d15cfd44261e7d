"""The source tables of the batch profiles, computed from the whole log.

    python build_profiles.py --log features.parquet --data $FEAST_DATA

A row holds what was known of a card or terminal at the end of a day (UTC), its event_timestamp. There is a row for
every day on which something changed: a payment took place or a label arrived. profiles.py says what the columns
hold.
"""

from pathlib import Path

from convert_log import parse_arguments, source_path
from errors import FeatureRepositoryError, run_command
from feature_log import FeatureLog, open_log, sql_name, write_table
from feature_spec import read_feature_spec
from profiles import CARD_PROFILE, TERMINAL_PROFILE, Profile

_DAY_MS = 86_400_000
_HOURS = range(24)
# Amounts are added up as whole thousandths, so that sums are exact and do not depend on the order of the rows.
_THOUSANDTHS = 1000


def build_profiles(log: FeatureLog, data_folder: Path) -> dict[str, int]:
    """Writes the table of each profile. Returns rows by view. Raises FeatureRepositoryError without an amount."""
    amount = next((item.name for item in log.spec.features if item.kind == "amount"), None)
    if amount is None:
        raise FeatureRepositoryError("The feature spec has no feature of kind amount, of which the profiles are made.")
    thousandths = f"round({sql_name(amount)} * {_THOUSANDTHS})::BIGINT"
    selects = {CARD_PROFILE: _card_rows(thousandths), TERMINAL_PROFILE: _terminal_rows(thousandths)}
    return {
        profile.view: write_table(
            log.connection, _ordered(profile, select, log), source_path(data_folder, profile.view)
        )
        for profile, select in selects.items()
        if profile.entity in log.spec.entity_keys
    }


def _card_rows(thousandths: str) -> str:
    by_hour = ", ".join(
        f"count(*) FILTER (occurred_at_ms % {_DAY_MS} // 3600000 = {hour}) AS hour_{hour}" for hour in _HOURS
    )
    hours = ", ".join(f"sum(hour_{hour}) OVER so_far" for hour in _HOURS)
    return f"""
        WITH days AS (
          SELECT card_token, occurred_at_ms // {_DAY_MS} AS day, count(*) AS payments, sum({thousandths}) AS amount,
            {by_hour}
          FROM payments GROUP BY ALL
        ), totals AS (
          SELECT card_token, day, sum(payments) OVER so_far AS payments, sum(amount) OVER so_far AS amount,
            count(*) OVER so_far AS days, [{hours}] AS hours
          FROM days WINDOW so_far AS (PARTITION BY card_token ORDER BY day)
        )
        SELECT card_token, day, payments AS card_payments_total, days AS card_active_days_total,
          amount / {_THOUSANDTHS} / payments AS card_amount_mean_total,
          list_position(hours, list_max(hours)) - 1 AS card_usual_hour
        FROM totals"""


def _terminal_rows(thousandths: str) -> str:
    return f"""
        WITH events AS (
          SELECT terminal_id, occurred_at_ms // {_DAY_MS} AS day, 1 AS payment, {thousandths} AS amount, 0 AS label,
            0 AS fraud
          FROM payments
          UNION ALL
          SELECT terminal_id, labelled_at_ms // {_DAY_MS}, 0, 0, 1, fraud::INTEGER FROM known_labels
        ), days AS (
          SELECT terminal_id, day, sum(payment) AS payments, sum(amount) AS amount, sum(label) AS labels,
            sum(fraud) AS frauds
          FROM events GROUP BY ALL
        ), totals AS (
          SELECT terminal_id, day, sum(payments) OVER so_far AS payments, sum(amount) OVER so_far AS amount,
            sum(labels) OVER so_far AS labels, sum(frauds) OVER so_far AS frauds
          FROM days WINDOW so_far AS (PARTITION BY terminal_id ORDER BY day)
        )
        SELECT terminal_id, day, payments AS terminal_payments_total,
          amount / {_THOUSANDTHS} / nullif(payments, 0) AS terminal_amount_mean_total,
          labels AS terminal_labels_total, frauds / nullif(labels, 0) AS terminal_fraud_rate_total
        FROM totals"""


def _ordered(profile: Profile, select: str, log: FeatureLog) -> str:
    """The rows with their types, in the order of time; a day is known when it has ended."""
    key = log.spec.entity_keys[profile.entity]
    columns = ", ".join(f"{column.name}::{column.type} AS {column.name}" for column in profile.columns)
    return f"""
        SELECT {key}, make_timestamptz((day + 1) * {_DAY_MS} * 1000) AS event_timestamp, {columns}
        FROM ({select}) ORDER BY event_timestamp, {key}"""


def main() -> None:
    given = parse_arguments(__doc__)
    with open_log(given.log, read_feature_spec(given.feature_spec), given.tenant) as log:
        for view, rows in build_profiles(log, given.data).items():
            print(f"{view}: {rows} rows")
        for note in log.notes:
            print(f"note: {note}")


if __name__ == "__main__":
    run_command(main)
