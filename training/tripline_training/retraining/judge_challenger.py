"""Whether a candidate is better than the champion by the stated margins."""

from dataclasses import dataclass

from tripline_training.retraining.compare_scores import Comparison
from tripline_training.retraining.rules import Rules


@dataclass(frozen=True)
class Measured:
    newest: Comparison
    old: Comparison | None
    """None where there are no fixed old weeks yet."""
    champion_version: str | None
    """None: compared with one score for all payments."""

    def as_json(self) -> dict[str, object]:
        return {
            "champion": self.champion_version,
            "newest": self.newest.as_json(),
            "old": None if self.old is None else self.old.as_json(),
        }


def why_champion_is_kept(measured: Measured, version: str, rules: Rules) -> str | None:
    """A clause that says why, or None where the candidate of that version is better."""
    newest, old = measured.newest, measured.old
    ap, cp100 = newest.ap, newest.cp100
    rise = newest.ece_new - newest.ece_champion
    reasons = [
        (version == measured.champion_version, "the same model came out."),
        (
            ap.gain < rules.ap_gain_min,
            f"the average precision on the newest weeks is {ap.new:.4f} beside its {ap.champion:.4f}, a gain of "
            f"{ap.gain:.4f} and not of {rules.ap_gain_min:g}.",
        ),
        (
            ap.low <= 0,
            f"the gain in average precision on the newest weeks may be chance: {ap.gain:.4f}, with a 95 % interval "
            f"from {ap.low:.4f} to {ap.high:.4f}.",
        ),
        (
            cp100.gain < -rules.cp100_loss_max or cp100.high < 0,
            f"card precision@100 on the newest weeks falls from {cp100.champion:.4f} to {cp100.new:.4f}, with a 95 % "
            f"interval of the gain from {cp100.low:.4f} to {cp100.high:.4f}.",
        ),
        (
            # One score for all is true on average, and says nothing.
            measured.champion_version is not None and rise > rules.ece_rise_max,
            f"the champion is better calibrated: the calibration error on the newest weeks rises from "
            f"{newest.ece_champion:.4f} to {newest.ece_new:.4f}.",
        ),
    ]
    if old is not None:
        sentence = (
            f"the candidate is worse on the fixed old weeks: the average precision falls from {old.ap.champion:.4f} to "
            f"{old.ap.new:.4f}."
        )
        reasons.append((old.ap.gain < -rules.old_ap_loss_max, sentence))
    return next((sentence for applies, sentence in reasons if applies), None)


def figures_of(measured: Measured) -> str:
    """`key=value` pairs, for the last line of the command."""
    newest, old = measured.newest, measured.old
    pairs = {
        "ap_new": newest.ap.new,
        "ap_champion": newest.ap.champion,
        "ap_gain_low": newest.ap.low,
        "ap_gain_high": newest.ap.high,
        "cp100_new": newest.cp100.new,
        "cp100_champion": newest.cp100.champion,
        "ece_new": newest.ece_new,
    }
    if old is not None:
        pairs |= {"old_ap_new": old.ap.new, "old_ap_champion": old.ap.champion}
    figures = " ".join(f"{name}={value:.4f}" for name, value in pairs.items())
    return f"{figures} champion={measured.champion_version or 'none'}"
