"""Puts a card's last payments beside each payment, as the sequence model takes them, for `tripline score`.

python -m tripline_training.make_sequences --features features.parquet --feature-spec feature-spec.yaml \\
    --length 8 --from 2026-02-22 --output sequences.parquet

Each payment gets the features of those of its card before it in the file, by event time and id, with the columns that
`sequence_names` names.
"""

import argparse
from pathlib import Path

from tripline_training.data.dataset import KEY_COLUMNS, open_dataset, parse_moment_ms
from tripline_training.data.feature_spec import read_feature_spec
from tripline_training.data.tables import query, sql_name, sql_text, table_at
from tripline_training.errors import TrainingError, run_command
from tripline_training.networks.card_history import sequence_names

LENGTH_MAX = 64
ORDER = "PARTITION BY card_token ORDER BY occurred_at_ms, client_transaction_id"


def make_sequences(features: Path, feature_spec: Path, length: int, from_ms: int, output: Path) -> int:
    """Writes the payments from `from_ms` on, in the order of time; returns how many. What is older is history alone."""
    spec = read_feature_spec(feature_spec)
    dataset = open_dataset(features, spec)
    columns = [sql_name(name) for name in (*KEY_COLUMNS, *spec.names)]
    names = iter(sequence_names(spec.names, length)[len(spec.names) :])
    for back in range(1, length):
        columns += [
            f"coalesce(lag({sql_name(name)}, {back}) OVER card, 0) AS {sql_name(next(names))}" for name in spec.names
        ]
        columns.append(f"coalesce(lag(1.0, {back}) OVER card, 0)::FLOAT AS {sql_name(next(names))}")
    sequences = f"SELECT {', '.join(columns)} FROM {table_at(dataset.path)} WINDOW card AS ({ORDER})"
    wanted = (
        f"SELECT * FROM ({sequences}) WHERE occurred_at_ms >= {from_ms} ORDER BY occurred_at_ms, client_transaction_id"
    )
    unfinished = output.with_name(f"{output.name}.unfinished")
    try:
        copied = query(f"COPY ({wanted}) TO {sql_text(str(unfinished))} (FORMAT parquet, COMPRESSION zstd)").fetchall()
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)
    return int(copied[0][0])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="tripline_training.make_sequences", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--features", type=Path, required=True, help="Parquet file of tripline backfill")
    parser.add_argument("--feature-spec", type=Path, required=True)
    parser.add_argument("--length", type=int, default=8, help="payments per sequence, as the model was trained")
    parser.add_argument("--from", dest="first", help="first payment to write: date (UTC) or moment; all unless given")
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args(arguments)
    if not 2 <= given.length <= LENGTH_MAX:
        raise TrainingError(f"--length must be from 2 to {LENGTH_MAX}, not {given.length}.")
    from_ms = 0 if given.first is None else parse_moment_ms(given.first)
    rows = make_sequences(given.features, given.feature_spec, given.length, from_ms, given.output)
    print(f"sequences: rows={rows} length={given.length} file={given.output}")


if __name__ == "__main__":
    run_command(main)
