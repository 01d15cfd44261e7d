"""Converts the feature log to source tables of the Feast views: a row per payment and entity.

    python convert_log.py --log features.parquet --data $FEAST_DATA

A row of `card_windows` contains the features from the state of the card at the time of a payment. As in the vector,
`count`, `sum`, `mean`, `max` and `distinct` include the payment itself, and the other kinds do not.

event_timestamp  when the payment took place
created          when the row came to be; later than the rows of the same entity and time that were counted before it,
                 by a microsecond where the clock alone would not order them
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

from errors import run_command
from feature_log import PAYMENT_KEY, FeatureLog, open_log, sql_name, write_table
from feature_spec import Feature, read_feature_spec

DEFAULT_SPEC = Path(__file__).resolve().parents[2] / "packages" / "contracts" / "feature-spec.yaml"
PAYMENT_VIEW = "payment_features"


def windows_view_name(entity: str) -> str:
    return f"{entity}_windows"


def source_path(data_folder: Path, view: str) -> Path:
    """The folder with the rows of a view."""
    return data_folder / f"{view}.parquet"


def convert_log(log: FeatureLog, data_folder: Path) -> dict[str, int]:
    """Writes the table of each view that reads the log. Returns rows by view.

    Omits rows that were computed while lost state had not been rebuilt, because their windows lack events. Also omits
    windows and payments of an erased card or e-mail address.
    """
    spec = log.spec
    tables = {
        windows_view_name(entity): _rows(key, entity, spec.of_entity(entity))
        for entity, key in spec.entity_keys.items()
        if spec.of_entity(entity)
    }
    first_entity = next(iter(spec.entity_keys))
    tables[PAYMENT_VIEW] = _rows(PAYMENT_KEY, first_entity, spec.of_payment, "AND NOT erased")
    return {
        view: write_table(log.connection, select, source_path(data_folder, view)) for view, select in tables.items()
    }


def count_incomplete(log: FeatureLog) -> int:
    """Number of payments that `convert_log` omits."""
    return int(log.connection.execute("SELECT count(*) FROM payments WHERE incomplete").fetchall()[0][0])


def _rows(key: str, entity: str, features: Iterable[Feature], condition: str = "") -> str:
    """A SELECT of join key, both timestamps and the features, ordered by time."""
    columns = ", ".join(sql_name(feature.name) for feature in features)
    # Never decreases, even if a clock was set back; adding the row number makes equal times distinct.
    created = "max(created_us) OVER same_time + row_number() OVER same_time - 1"
    return f"""
        SELECT {key}, make_timestamptz(occurred_at_ms * 1000) AS event_timestamp,
          make_timestamptz({created}) AS created, {columns}
        FROM payments WHERE {key} IS NOT NULL AND NOT incomplete {condition}
        WINDOW same_time AS (
          PARTITION BY {key}, occurred_at_ms ORDER BY source, sequence_{entity} ROWS UNBOUNDED PRECEDING
        )
        ORDER BY event_timestamp, created, {key}"""


def parse_arguments(description: str | None) -> argparse.Namespace:
    """The arguments of a command that reads the log."""
    return log_arguments(description).parse_args()


def log_arguments(description: str | None) -> argparse.ArgumentParser:
    """Defines the arguments of commands that read the log."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--log",
        type=Path,
        required=True,
        action="append",
        help="Parquet file of tripline backfill, or the lake's folder; may be repeated; the first one takes precedence",
    )
    parser.add_argument("--data", type=Path, required=True, help="FEAST_DATA: folder for the source tables")
    parser.add_argument("--tenant", help="tenant of the payments, if the lake has several")
    parser.add_argument("--feature-spec", type=Path, default=DEFAULT_SPEC, help="default: the spec of the checkout")
    return parser


def main() -> None:
    given = parse_arguments(__doc__)
    with open_log(given.log, read_feature_spec(given.feature_spec), given.tenant) as log:
        for view, rows in convert_log(log, given.data).items():
            print(f"{view}: {rows} rows")
        for note in log.notes:
            print(f"note: {note}")
        if incomplete := count_incomplete(log):
            print(f"note: {incomplete} payments are omitted, because their state was not rebuilt yet")


if __name__ == "__main__":
    run_command(main)
