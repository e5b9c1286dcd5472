"""Devices that measure signals of the person who labels. One file each; reading and recording is the same for all."""

from joryu.labelling.devices.attached import Attached
from joryu.labelling.devices.device import Counts, Device, DeviceEndedError, DeviceLostError, Reading, Sample, Sink
from joryu.labelling.devices.history import History
from joryu.labelling.devices.lsl_outlet import LslOutlet
from joryu.labelling.devices.recording import Recorder, Recording, read_recording
from joryu.labelling.devices.spec import FAMILIES, open_device
from joryu.labelling.devices.state import DeviceState, Status

__all__ = [
    "FAMILIES",
    "Attached",
    "Counts",
    "Device",
    "DeviceEndedError",
    "DeviceLostError",
    "DeviceState",
    "History",
    "LslOutlet",
    "Reading",
    "Recorder",
    "Recording",
    "Sample",
    "Sink",
    "Status",
    "open_device",
    "read_recording",
]
