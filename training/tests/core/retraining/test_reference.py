"""A chain of models that are only as good as the champion is compared with the last one that was better."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.core.retraining.test_compare_money import money
from tests.core.test_judge_challenger import measured
from tests.core.test_retrain import CUTOFF
from tripline_training.data.dataset import Rows, Span, open_dataset, parse_moment_ms
from tripline_training.data.feature_spec import FeatureSpec, read_feature_spec
from tripline_training.errors import TrainingError
from tripline_training.registry import registry
from tripline_training.retraining.compare_money import Money
from tripline_training.retraining.compare_scores import Gain
from tripline_training.retraining.judge_challenger import Measured, why_champion_is_kept
from tripline_training.retraining.reference import Reference, find_reference
from tripline_training.retraining.rules import read_rules
from tripline_training.trees.params import DEFAULT_PARAMS

RULES = replace(read_rules(DEFAULT_PARAMS), old_ap_loss_max=0.05)


@pytest.fixture(scope="module")
def newest(lake: Path) -> tuple[Rows, FeatureSpec]:
    spec = read_feature_spec(lake / "spec.yaml")
    cutoff_ms = parse_moment_ms(CUTOFF)
    rows, _ = open_dataset(lake / "features.parquet", spec).compared_rows([Span(0, cutoff_ms)], cutoff_ms)
    return rows, spec


def named_by(lake: Path, retrained: dict[str, object] | None) -> registry.ModelVersion:
    """A champion with these metrics of its retraining."""
    found = registry.resolve(lake / "registry", "fraud", "champion")
    metrics = {**found.manifest["metrics"], **({} if retrained is None else {"retrain": retrained})}
    return replace(found, manifest={**found.manifest, "metrics": metrics})


def test_a_champion_that_was_better_has_no_other_reference(lake: Path, newest: tuple[Rows, FeatureSpec]) -> None:
    store = lake / "registry"
    for champion in (None, named_by(lake, None), named_by(lake, {"is_as_good": False})):
        assert find_reference(store, champion, *newest) is None


def test_the_reference_is_measured_on_the_newest_weeks(lake: Path, newest: tuple[Rows, FeatureSpec]) -> None:
    store, (rows, spec) = lake / "registry", newest
    version = registry.alias_target(store, "fraud", "champion")
    champion = named_by(lake, {"reference": version})
    found = find_reference(store, champion, rows, spec)
    assert found is not None and found.version == version
    assert 0.1 < (found.ap or 0) < 1
    assert find_reference(store, champion, rows, replace(spec, version=99)) == Reference(version, None)
    missing = named_by(lake, {"reference": "0123456789ab"})
    assert find_reference(store, missing, rows, spec) == Reference("0123456789ab", None)


def test_money_is_compared_with_the_scores_of_the_reference(lake: Path, newest: tuple[Rows, FeatureSpec]) -> None:
    """regression #31: only its average precision was compared."""
    store, asked = lake / "registry", []

    def money_than(scores: NDArray[np.float64], than: str) -> Money:
        asked.append((len(scores), than))
        return money(-5, 10)

    version = registry.alias_target(store, "fraud", "champion")
    found = find_reference(store, named_by(lake, {"reference": version}), *newest, money_than)
    assert found is not None and found.money == money(-5, 10)
    assert asked == [(len(newest[0]), f"the last champion that was promoted for being better, {version}")]


def test_a_damaged_reference_is_an_error(lake: Path, tmp_path: Path, newest: tuple[Rows, FeatureSpec]) -> None:
    """regression #31: the reason was that it could not score the payments."""
    shutil.copytree(lake / "registry", tmp_path / "registry")
    champion = named_by(lake, {"reference": registry.alias_target(lake / "registry", "fraud", "champion")})
    folder = tmp_path / "registry" / "models" / "fraud" / "versions" / champion.version
    (folder / "model.onnx").write_bytes(b"damaged")
    with pytest.raises(TrainingError, match="differs from the published file"):
        find_reference(tmp_path / "registry", champion, *newest)


@pytest.mark.parametrize(("low", "words"), [(-5, None), (-11, "compared with the last one (95 % interval")])
def test_a_chain_loses_at_most_the_stated_amount(low: float, words: str | None) -> None:
    """regression #31: each promotion could lose that amount compared with the champion before it."""
    than_reference = replace(money(low, loss_per_day_max=10), than="the last one")
    reference = Reference("cccccccccccc", 0.7, than_reference)
    judged = replace(
        measured(ap=Gain(0.7, 0.7, -0.02, 0.02), is_under_way=True, reference=reference), money=money(-5, 10)
    )
    reason = why_champion_is_kept(judged, "bbbbbbbbbbbb", RULES)
    assert reason is None if words is None else words in (reason or "")


def promote(last_ap: float, new_ap: float, reference: Reference | None) -> tuple[str | None, Measured]:
    ap = Gain(new_ap, last_ap, new_ap - last_ap - 0.02, new_ap - last_ap + 0.02)
    judged = measured(ap=ap, is_under_way=True, reference=reference)
    return why_champion_is_kept(judged, "bbbbbbbbbbbb", RULES), judged


def test_a_chain_loses_at_most_as_much_as_one_promotion_may_lose() -> None:
    """regression #31: ten promotions, each with an average precision .004 lower, lost .04."""
    reference, ap, promoted = None, 0.7, 0
    for _ in range(10):
        reason, judged = promote(ap, ap - 0.004, reference)
        if reason is not None:
            continue
        named = judged.as_json(RULES)["reference"]
        assert named == "aaaaaaaaaaaa"
        reference, ap, promoted = Reference(str(named), 0.7), ap - 0.004, promoted + 1
    assert (promoted, round(ap, 3)) == (1, 0.696)


def test_a_better_model_starts_a_new_chain() -> None:
    better = measured(is_under_way=True, reference=Reference("cccccccccccc", 0.9))
    assert why_champion_is_kept(better, "bbbbbbbbbbbb", RULES) is None
    assert better.as_json(RULES)["is_as_good"] is False
    assert "reference" not in better.as_json(RULES)
