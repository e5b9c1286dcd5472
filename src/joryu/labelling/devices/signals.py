"""The names of signals, and which of their values can be believed.

========================  ==========================================================================================
``poor_signal``           0 good … 200 the electrodes are off the skin (NeuroSky)
``attention``             1–100 (NeuroSky eSense); the device says 0 when it could not compute it
``meditation``            likewise
``delta`` … ``mid_gamma``  band powers, without a unit: only to be compared with one another and over time
``raw``                   the electrode, in steps of the converter, 512 per second
``heart_rate``            beats per minute
``rr_ms``                 from one beat to the next, milliseconds
``blink``                 strength of a blink, 1–255
``battery``               percent
========================  ==========================================================================================

Other devices add names of their own (``eeg_1``, the labels of an LSL stream).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BANDS = ("delta", "theta", "low_alpha", "high_alpha", "low_beta", "high_beta", "low_gamma", "mid_gamma")
ESENSE = ("attention", "meditation")
#: these come about once a second; a value holds until the next one, for at most `HOLD_S` seconds
HELD = frozenset({*BANDS, *ESENSE, "poor_signal", "heart_rate"})
HOLD_S = 2.0
OFF_HEAD = 200  #: from this poor_signal on the electrodes do not touch the skin


def believable(signal: str, values: Floats, poor: Floats) -> npt.NDArray[np.bool_]:
    """Which values can be believed, given the ``poor_signal`` at the time of each (0 if the device never reports it).

    While ``poor_signal`` is above 0, a NeuroSky headset repeats old values of attention and meditation, then sends 0.
    Off the head, brain waves are noise. A heart rate of 0 means not measured.

    >>> believable("attention", np.array([53.0, 53.0, 0.0]), np.array([0.0, 26.0, 0.0])).tolist()
    [True, False, False]
    """
    usable: npt.NDArray[np.bool_] = np.isfinite(values)
    if signal in ESENSE:
        usable &= (poor == 0) & (values >= 1) & (values <= 100)
    elif signal in BANDS or signal == "raw":
        usable &= poor < OFF_HEAD
    elif signal in ("heart_rate", "rr_ms"):
        usable &= values > 0
    return usable
