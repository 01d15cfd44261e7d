"""Drift in simulated payments with the engine's features, from end to end, with fixed days and tokens."""

import json
import subprocess
from pathlib import Path

import duckdb
import pytest

from tripline_training.detect_drift import main

ROOT = Path(__file__).resolve().parents[3]
NODE = ROOT / "node_modules" / ".bin" / "node"
SPEC = ROOT / "packages" / "contracts" / "feature-spec.yaml"
LAST_DAY = "2026-03-01"
FIRST_JUDGED = "2026-02-16"
SIMULATE = """
import {{ writeHistory }} from "{root}/packages/backfill/dist/input/write-history.js";
const untilMs = Date.parse("2026-03-02T00:00:00Z");
await writeHistory({{
  simulation: {{ seed: 1, cards: 300, terminals: 200, startMs: untilMs - 60 * 86_400_000 }},
  untilMs, tenant: "demo", cardTokenKey: Buffer.alloc(32, 7), path: "{path}",
}});
"""


def run_node(*arguments: str) -> None:
    subprocess.run([str(NODE), *arguments], check=True, timeout=300, capture_output=True)


def features_of(payments: Path) -> Path:
    output = payments.with_name(f"{payments.stem}-features.parquet")
    run_node(str(ROOT / "apps/cli/dist/main.js"), "backfill", "--input", str(payments), "--output", str(output))
    return output


@pytest.fixture(scope="module")
def payments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 days of about 600 payments."""
    path = tmp_path_factory.mktemp("history") / "payments.parquet"
    run_node("--input-type=module", "--eval", SIMULATE.format(root=ROOT, path=path))
    return path


def events_of(features: Path, first: str) -> list[dict]:
    events = features.with_suffix(".ndjson")
    given = ["--features", str(features), "--feature-spec", str(SPEC), "--events", str(events)]
    main([*given, "--from", first, "--to", LAST_DAY])
    return [json.loads(line) for line in events.read_text().splitlines()] if events.exists() else []


def test_two_clean_weeks_raise_no_alarm(payments: Path) -> None:
    assert events_of(features_of(payments), FIRST_JUDGED) == []


def test_detects_a_50_percent_rise_in_amounts_on_its_day(payments: Path) -> None:
    shifted = payments.with_name("shifted.parquet")
    last = f"occurred_at_ms >= epoch_ms(TIMESTAMP '{LAST_DAY}')"
    duckdb.connect(":memory:").execute(
        f"COPY (SELECT * REPLACE (CASE WHEN {last} THEN round(amount_minor * 1.5)::BIGINT ELSE amount_minor END "
        f"AS amount_minor) FROM '{payments}') TO '{shifted}' (FORMAT parquet)"
    )
    (event,) = events_of(features_of(shifted), FIRST_JUDGED)
    assert event["day"] == LAST_DAY
    assert "amount" in [column["column"] for column in event["columns"]]
