"""int8 that answers the same on every processor: which ones onnxruntime has to be told to add exactly."""

from __future__ import annotations

from pathlib import Path

_PROCESSORS = Path("/proc/cpuinfo")


def exact_sums() -> dict[str, str]:
    """The settings of onnxruntime's sessions without which int8 is another network on some processors.

    x86 processors without VNNI add products of u8 and s8 in 16 bits, which overflow. Told so they take another way, and
    give what all others give. That way turns signed weights into unsigned ones, for which onnxruntime has no fast
    convolution; processors with VNNI add exactly without it, and a convolution told so was seen three times slower
    there. So these are not told. On ARM the setting does nothing.
    """
    known = _PROCESSORS.is_file() and "vnni" in _PROCESSORS.read_text(encoding="utf-8", errors="replace")
    return {} if known else {"session.x64quantprecision": "1"}
