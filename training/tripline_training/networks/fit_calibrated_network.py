"""A calibrated PyTorch network; the trees are calibrated in the same way, see fit_calibrated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tripline_training.data.dataset import Rows
from tripline_training.networks.fit_network import Setting, Source, fit_network, margins_of_network
from tripline_training.networks.scaled_network import ScaledNetwork
from tripline_training.trees.calibration import Platt, fit_platt
from tripline_training.trees.fit_calibrated import Calibration, days_to_hold_out, split_rows


@dataclass(frozen=True)
class FittedNetwork:
    network: ScaledNetwork
    """Calibrated, in evaluation mode, on the CPU."""
    calibration: Calibration
    platt: Platt
    epochs: int
    held_ap: float | None
    earlier: NDArray[np.int64]
    """Positions of the payments that the first training learnt from."""
    held: NDArray[np.int64]
    """Positions of the payments that were held out to stop by and to calibrate on."""
    held_margins: NDArray[np.float64]
    """What the first training gave for them, before the calibration."""


def fit_calibrated_network(source: Source, learn: NDArray[np.int64], setting: Setting, delay_ms: int) -> FittedNetwork:
    """Two trainings, as for the trees: one without the last days, which say when to stop and how to calibrate.

    The second learns from all payments for as many epochs. Where too few days can be held out it is trained for the
    number of epochs that the parameters say, and not calibrated.
    """
    rows = source.payments.rows
    times = Rows(*(column[learn] for column in rows.columns[:-1]), features=rows.features[:0])
    days = days_to_hold_out(times, delay_ms)
    if days == 0:
        fitted = fit_network(source, learn, None, setting)
        none = learn[:0]
        calibration = Calibration("none", 0)
        return FittedNetwork(fitted.network, calibration, Platt(1, 0), fitted.epochs, None, none, none, np.zeros(0))
    earlier_rows, held_rows = split_rows(times, delay_ms, days)
    earlier, held = learn[earlier_rows], learn[held_rows]
    trial = fit_network(source, earlier, held, setting)
    margins = margins_of_network(trial.network, source, held)
    platt = fit_platt(margins, rows.fraud[held])
    final = fit_network(source, learn, None, setting, epochs=trial.epochs)
    final.network.calibrate(platt)
    calibration = Calibration("platt", days)
    return FittedNetwork(final.network, calibration, platt, trial.epochs, trial.held_ap, earlier, held, margins)
