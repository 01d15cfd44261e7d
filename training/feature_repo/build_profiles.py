"""Computes the source tables of the batch profiles from the whole log.

    python build_profiles.py --log features.parquet --data $FEAST_DATA

A row contains what was known about a card or terminal at the end of a day (UTC), its event_timestamp. There is a row
for every day on which something changed: a payment took place or a label arrived. profiles.py describes the columns.
"""

from pathlib import Path

from convert_log import parse_arguments, source_path
from errors import FeatureRepositoryError, run_command
from feature_log import FeatureLog, open_log, sql_name, write_table
from feature_spec import read_feature_spec
from profiles import PROFILES, Profile

_DAY_MS = 86_400_000
# packages/backfill runs the same queries, so the results of both are bit-identical.
PROFILES_FOLDER = Path(__file__).resolve().parents[2] / "packages" / "contracts" / "profiles"


def build_profiles(log: FeatureLog, data_folder: Path) -> dict[str, int]:
    """Writes the table of each profile. Returns rows by view. Raises FeatureRepositoryError if the spec has no amount.
    """
    amount = next((item.name for item in log.spec.features if item.kind == "amount"), None)
    if amount is None:
        raise FeatureRepositoryError(
            "The feature spec has no feature of kind amount, from which profiles are computed."
        )
    # Amounts are summed as whole thousandths, so that sums are exact and do not depend on the order of the rows.
    log.connection.execute(f"""
        CREATE OR REPLACE TEMP VIEW profile_payments AS
        SELECT card_token, terminal_id, occurred_at_ms, round({sql_name(amount)} * 1000)::BIGINT AS thousandths,
          latitude, longitude FROM payments""")
    log.connection.execute("""
        CREATE OR REPLACE TEMP VIEW profile_labels AS
        SELECT terminal_id, labelled_at_ms, fraud::INTEGER AS fraud FROM known_labels""")
    return {
        profile.view: write_table(log.connection, _rows(profile, log), source_path(data_folder, profile.view))
        for profile in PROFILES
        if profile.entity in log.spec.entity_keys
    }


def _rows(profile: Profile, log: FeatureLog) -> str:
    """The rows by time. A day's row is valid from the end of that day. For an erased card, only later payments count.
    """
    key = log.spec.entity_keys[profile.entity]
    query = (PROFILES_FOLDER / f"{profile.entity}.sql").read_text(encoding="utf-8")
    columns = ", ".join(f"{column.name}::{column.type} AS {column.name}" for column in profile.columns)
    return f"""
        SELECT {key}, make_timestamptz((day + 1) * {_DAY_MS} * 1000) AS event_timestamp, {columns}
        FROM ({query}) WHERE {key} IS NOT NULL ORDER BY event_timestamp, {key}"""


def main() -> None:
    given = parse_arguments(__doc__)
    with open_log(given.log, read_feature_spec(given.feature_spec), given.tenant) as log:
        for view, rows in build_profiles(log, given.data).items():
            print(f"{view}: {rows} rows")
        for note in log.notes:
            print(f"note: {note}")


if __name__ == "__main__":
    run_command(main)
