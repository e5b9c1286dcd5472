"""An export as lines for a terminal."""

from __future__ import annotations

from joryu.export.exporting import Exported
from joryu.export.parity import Parity


def exported_lines(done: Exported) -> list[str]:
    """The folder, and a line for each model."""
    lines = [f"{name}: {done.sizes[name]:,} bytes, {parity_line(one)}" for name, one in done.parities.items()]
    return [*lines, f"{done.folder}: python {done.folder}/predict.py --help"]


def parity_line(found: Parity) -> str:
    """What was compared, in few words.

    >>> found = Parity(n=10, batches=(1, 2, 7), largest=0.5, mean=0.1, size=8.0, agreement=0.9, iou=None)
    >>> parity_line(found)
    'differs from the student by at most 0.5 (0.1 on average), the same top answer on 90.0% of 10 examples'
    """
    said = f"differs from the student by at most {found.largest:.2g} ({found.mean:.2g} on average)"
    if found.iou is not None:
        said += f", IoU of its masks with the student's {found.iou:.4f} on {found.n:,} examples"
    elif found.agreement is not None:
        said += f", the same top answer on {found.agreement:.1%} of {found.n:,} examples"
    else:
        said += f" on {found.n:,} examples"
    if found.student is not None and found.exported is not None:
        said += f", {found.measure} {found.exported:.4f} (student {found.student:.4f})"
    return said
