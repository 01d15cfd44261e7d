"""The score bands of policies, which decide what happens to a payment with a given score."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from tripline_training.errors import TrainingError

APPROVE, CHALLENGE, REVIEW, DECLINE = range(4)
ACTIONS = ("approve", "challenge", "review", "decline")
"""From the mildest to the strictest."""


@dataclass(frozen=True)
class PolicyBands:
    bands: tuple[tuple[float, int], ...]
    """The lowest score of each band, and its position in `ACTIONS`."""

    @property
    def declines(self) -> bool:
        """Whether there is a score that is declined."""
        return any(action == DECLINE for _, action in self.bands)

    def actions(self, scores: NDArray[np.float64]) -> NDArray[np.int64]:
        """The strictest action of all bands that contain the score; APPROVE without a band."""
        found = np.zeros(len(scores), np.int64)
        for at_least, action in self.bands:
            found[scores >= at_least] = np.maximum(found[scores >= at_least], action)
        return found


def read_policy_bands(path: Path) -> PolicyBands:
    """Reads only `bands`; the policy itself was checked when it was activated. Raises TrainingError."""
    try:
        policy = yaml.safe_load(path.read_text(encoding="utf-8"))
        given = policy.get("bands", [])
        bands = tuple((float(band["at_least"]), ACTIONS.index(band["action"])) for band in given)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise TrainingError(f"{path} is not a policy with valid bands: {error!r}.") from error
    return PolicyBands(bands)
