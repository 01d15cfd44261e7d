"""Evidently's report for one day, in the environment that has Evidently."""

from pathlib import Path

import pytest

from tests.conftest import SPEC, write_parquet
from tests.core.test_detect_drift import drift_columns
from tripline_training.detect_drift import main

# Evidently and its dependencies warn about future versions of each other, which we cannot fix.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_writes_a_report_that_opens_without_a_network(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC, encoding="utf-8")
    features = write_parquet(tmp_path / "shifted.parquet", drift_columns(3.0))
    report = tmp_path / "report.html"
    main(["--features", str(features), "--feature-spec", str(spec), "--report", str(report)])
    text = report.read_text(encoding="utf-8")
    for name in ("amount", "card_count_1d", "terminal_fraud_rate_7d"):
        assert name in text
    # External resources of a page are in src attributes or in links to style sheets.
    assert 'src="http' not in text
    assert '<link rel="stylesheet" href="http' not in text
