"""Whether a candidate is better than the champion by the stated margins."""

from dataclasses import dataclass, field
from typing import Any

from tripline_training.retraining.compare_money import NO_COSTS, Money, why_money_keeps
from tripline_training.retraining.compare_scores import Comparison
from tripline_training.retraining.measure_calibration import why_not_calibrated
from tripline_training.retraining.reference import REFERENCE_KEY, Reference
from tripline_training.retraining.rules import Rules


@dataclass(frozen=True)
class Measured:
    newest: Comparison
    old: Comparison | None
    """None if there are no fixed old weeks yet."""
    champion_version: str | None
    """None: compared with a constant score."""
    is_under_way: bool = False
    """The champion was trained on post-drift days, and the registered model would be trained on newer ones."""
    segments: list[dict[str, Any]] = field(default_factory=list)
    """Metrics of the candidate on the newest weeks, for its model card."""
    agreement: dict[str, Any] | None = None
    """Agreement with the champion on the newest weeks, for the guards of the rollout."""
    money: Money | None = None
    """None if no costs are given."""
    reference: Reference | None = None
    """None if the champion was promoted for being better."""

    def as_json(self, rules: Rules) -> dict[str, object]:
        is_as_good = not is_better(self, rules)
        reference = self.champion_version if self.reference is None else self.reference.version
        return {
            "champion": self.champion_version,
            "newest": self.newest.as_json(),
            "old": None if self.old is None else self.old.as_json(),
            "is_under_way": self.is_under_way,
            "money": None if self.money is None else self.money.as_json(),
            "is_as_good": is_as_good,
            **({REFERENCE_KEY: reference} if is_as_good else {}),
        }

    @property
    def money_sentence(self) -> str:
        return NO_COSTS if self.money is None else self.money.sentence


def is_better(measured: Measured, rules: Rules) -> bool:
    """Whether the candidate is better than the champion, and not only as good, by the figures that must improve."""
    ap = measured.newest.ap
    has_gained = ap.gain >= rules.ap_gain_min and ap.low > 0
    return has_gained and why_money_keeps(measured.money, is_as_good=False) is None


def why_champion_is_kept(measured: Measured, version: str, rules: Rules) -> str | None:
    """A clause that states why the candidate of that version is not better; None if it is better."""
    newest = measured.newest
    ap, cp100 = newest.ap, newest.cp100
    # The candidate is measured without the newest days. If it is as good then, training on them as well makes it
    # better. The old weeks show whether those days are sound.
    is_as_good = measured.is_under_way and measured.old is not None and ap.high >= 0
    gain_min = -rules.ap_gain_min if is_as_good else rules.ap_gain_min
    loss = newest.log_loss
    has_champion = measured.champion_version is not None
    not_calibrated = why_not_calibrated(newest.bands, rules.calibration_ratio_max, has_champion)
    reasons = [
        (version == measured.champion_version and not is_as_good, "retraining produced the same model."),
        (
            ap.gain < gain_min,
            f"the average precision on the newest weeks is {ap.new:.4f} vs. {ap.champion:.4f}: a gain of "
            f"{ap.gain:.4f}, below the required {gain_min:g}.",
        ),
        (
            ap.low <= 0 and not is_as_good,
            f"the gain in average precision on the newest weeks may be chance: {ap.gain:.4f}, with a 95 % interval "
            f"from {ap.low:.4f} to {ap.high:.4f}.",
        ),
        (
            cp100.gain < -rules.cp100_loss_max or cp100.high < 0,
            f"card precision@100 on the newest weeks falls from {cp100.champion:.4f} to {cp100.new:.4f}, with a 95 % "
            f"interval of the gain from {cp100.low:.4f} to {cp100.high:.4f}.",
        ),
        (not_calibrated is not None, not_calibrated or ""),
        (
            loss.low > 0 and loss.gain > rules.log_loss_rise_max,
            f"the log loss on the newest weeks rises from {loss.champion:.5f} to {loss.new:.5f}, with a 95 % interval "
            f"of the rise from {loss.low:.5f} to {loss.high:.5f}.",
        ),
    ]
    found = next((sentence for applies, sentence in reasons if applies), None)
    found = found or why_money_keeps(measured.money, is_as_good=is_as_good) or why_old_weeks_keep(measured, rules)
    return found or (None if is_better(measured, rules) else why_chain_keeps(measured, rules))


def why_chain_keeps(measured: Measured, rules: Rules) -> str | None:
    """Several models, each a little worse than the one before, must not lose more in total than one may lose."""
    reference, ap = measured.reference, measured.newest.ap.new
    if reference is None:
        return None
    last = f"{reference.version}, the last champion that was promoted for being better,"
    if reference.ap is None:
        return f"it is only as good as the champion, and {last} cannot score these payments."
    if ap >= reference.ap - rules.ap_gain_min:
        return why_money_keeps(reference.money, is_as_good=True)
    return (
        f"the average precision on the newest weeks is {ap:.4f} vs. {reference.ap:.4f} for {last} a loss of "
        f"{reference.ap - ap:.4f}, and at most {rules.ap_gain_min:g} is allowed."
    )


def why_old_weeks_keep(measured: Measured, rules: Rules) -> str | None:
    """The same comparison, but only on the fixed old weeks."""
    old = measured.old
    if old is None or old.ap.gain >= -rules.old_ap_loss_max:
        return None
    return (
        f"the candidate is worse on the fixed old weeks: the average precision falls from {old.ap.champion:.4f} to "
        f"{old.ap.new:.4f}."
    )


def figures_of(measured: Measured, more: str = "") -> str:
    """`key=value` pairs, for the last line of the command."""
    newest, old = measured.newest, measured.old
    pairs = {
        "ap_new": newest.ap.new,
        "ap_champion": newest.ap.champion,
        "ap_gain_low": newest.ap.low,
        "ap_gain_high": newest.ap.high,
        "cp100_new": newest.cp100.new,
        "cp100_champion": newest.cp100.champion,
        "log_loss_new": newest.log_loss.new,
        "log_loss_champion": newest.log_loss.champion,
    }
    if old is not None:
        pairs |= {"old_ap_new": old.ap.new, "old_ap_champion": old.ap.champion}
    if measured.money is not None:
        pairs["saved_per_day"] = measured.money.total.value
    figures = " ".join(f"{name}={value:.4f}" for name, value in pairs.items())
    return f"{figures} {more}champion={measured.champion_version or 'none'}"
