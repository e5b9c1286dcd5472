"""The benchmarks are run from the repository's root and are not installed: make them importable from anywhere."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
