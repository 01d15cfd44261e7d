"""Measures decisions on exactly the rows of a published split, compared with the published baseline.

python -m tripline_training.assess --decisions decisions.parquet --fold folds/test-fold3.csv.gz

The decisions table has client_transaction_id, occurred_at_ms, card (any id that is unique per card), score and fraud.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from tripline_training.data.folds import ID_PREFIX, fold_ids
from tripline_training.data.tables import arrays, query, require_columns
from tripline_training.errors import TrainingError, run_command
from tripline_training.metrics import Quality, measure

# XGBoost from the book's chapter 3.3 on its only split: train 2018-07-25..07-31, test 2018-08-08..08-14.
PUBLISHED = {"test-fold3.csv.gz": {"average_precision": 0.639, "auc_roc": 0.862, "card_precision_at_100": 0.273}}
MEASURES = ("average_precision", "auc_roc", "card_precision_at_100")

COLUMNS = ["client_transaction_id", "occurred_at_ms", "card", "score", "fraud"]


def assess(decisions: Path, fold: Path, id_prefix: str = ID_PREFIX) -> Quality:
    """Raises TrainingError if a row of the split was not decided exactly once, or has no score."""
    decided = require_columns(decisions, COLUMNS)
    wanted = fold_ids(fold, "assess", id_prefix)
    joined = (
        f"({wanted}) AS wanted LEFT JOIN {decided} AS decided ON decided.client_transaction_id::VARCHAR = wanted.id"
    )
    is_decided = "client_transaction_id IS NOT NULL"
    rows, ids, missing, unscored, untrue = query(
        "SELECT count(*), count(DISTINCT id), count(*) FILTER (client_transaction_id IS NULL), "
        f"count(*) FILTER ({is_decided} AND NOT coalesce(isfinite(score::DOUBLE), false)), "
        f"count(*) FILTER ({is_decided} AND (fraud IS NULL OR card IS NULL OR occurred_at_ms IS NULL))"
        f" FROM {joined}"
    ).fetchall()[0]
    faults = {
        "were not decided": missing,
        "were decided more than once": rows - ids,
        "have no score": unscored,
        "lack their card, time or label": untrue,
    }
    found = [f"{count} {what}" for what, count in faults.items() if count > 0]
    if rows == 0 or found:
        raise TrainingError(f"Of the {ids} rows to assess in {fold}, {', '.join(found) or 'there is none'}.")
    columns = arrays(
        "SELECT occurred_at_ms::BIGINT AS occurred_at_ms, card::VARCHAR AS card, score::DOUBLE AS score, "
        f"fraud::BIGINT AS fraud FROM {joined} ORDER BY occurred_at_ms, id"
    )
    return measure(
        columns["occurred_at_ms"].astype(np.int64),
        columns["card"],
        columns["score"].astype(np.float64),
        columns["fraud"].astype(np.int64),
    )


def report(quality: Quality, fold: Path) -> str:
    """A small table, with the published baseline if there is one, followed by one line for programs."""
    rows = {"these decisions": quality.as_json()}
    if fold.name in PUBLISHED:
        rows["published XGBoost"] = {**PUBLISHED[fold.name]}
    lines = [f"{'':24}{'AP':>8}{'AUC ROC':>10}{'CP@100':>9}"]
    for name, values in rows.items():
        ap, auc, cp100 = (_figure(values[key]) for key in MEASURES)
        lines.append(f"{name:24}{ap:>8}{auc:>10}{cp100:>9}")
    ap, auc, cp100 = (_figure(rows["these decisions"][key]) for key in MEASURES)
    lines.append(f"assess: rows={quality.rows} frauds={quality.frauds} ap={ap} auc={auc} cp100={cp100}")
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="tripline_training.assess", description=__doc__.splitlines()[0])
    parser.add_argument("--decisions", type=Path, required=True, help="Parquet, CSV or newline-delimited JSON")
    parser.add_argument("--fold", type=Path, required=True, help="CSV with TRANSACTION_ID and PART (train or assess)")
    parser.add_argument("--id-prefix", default=ID_PREFIX, help="prefix of TRANSACTION_ID in client_transaction_id")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    given = parser.parse_args(arguments)
    quality = assess(given.decisions, given.fold, given.id_prefix)
    if given.json:
        print(json.dumps({**quality.as_json(), "published": PUBLISHED.get(given.fold.name)}))
    else:
        print(report(quality, given.fold))


if __name__ == "__main__":
    run_command(main)
