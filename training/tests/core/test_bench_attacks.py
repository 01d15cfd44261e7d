"""The recall of attacks, with and without some features."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import DAY_MS, FEATURES, QUICK_TREES, ROWS, columns, write_parquet
from tripline_training.bench_attacks import main
from tripline_training.trees.params import DEFAULT_PARAMS


def test_measures_each_attack_among_the_genuine_payments(
    tmp_path: Path, spec_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = columns()
    # One feature alone separates these attacks from all other payments.
    attacks = np.arange(ROWS) % 40 == 7
    data["fraud"] = np.where(attacks, 1, data["fraud"])
    data[FEATURES[1]] = np.where(attacks, 50.0, data[FEATURES[1]])
    features = write_parquet(tmp_path / "features.parquet", data)
    params = tmp_path / "params.json"
    params.write_text(json.dumps({**json.loads(DEFAULT_PARAMS.read_text()), "min_child_weight": 1, **QUICK_TREES}))
    days = data["occurred_at_ms"] // DAY_MS
    later = [name for name, day in zip(data["client_transaction_id"], days, strict=True) if day >= 32]
    table = tmp_path / "attacks.csv"
    own = [name for name in later if int(name[1:]) % 40 == 7]
    table.write_text("client_transaction_id,attack\n" + "".join(f"{name},card-testing\n" for name in own))
    main(
        [
            *("--features", str(features), "--feature-spec", str(spec_path), "--attacks", str(table)),
            *("--train-from", "1970-01-01T00:00:00Z", "--train-to", "1970-01-25T00:00:00Z"),
            *("--from", "1970-02-02T00:00:00Z", "--to", "1970-02-10T00:00:00Z"),
            *("--params", str(params), "--without", FEATURES[1], "--review-share", "0.05"),
        ]
    )
    lines = capsys.readouterr().out.splitlines()
    after, before = (json.loads(line.split(": ", 1)[1]) for line in lines if line.startswith(("after: ", "before: ")))
    assert after["card-testing"]["payments"] == len(own) == 20
    assert after["card-testing"]["recall_at_budget"] == 1
    assert before["card-testing"]["recall_at_budget"] < 1
    assert after["card-testing"]["possible"] == 1
