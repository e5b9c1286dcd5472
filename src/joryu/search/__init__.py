"""Search: settings of a distillation are tried, compared by validation, and one point is chosen and confirmed."""

from joryu.errors import MissingExtraError

try:
    import optuna  # noqa: F401
except ImportError as error:
    raise MissingExtraError("optuna", "search", "a sweep") from error

from joryu.search.record import SweepRecord, read_sweep
from joryu.search.run import SweepRun
from joryu.search.setup import SweepSetup, usual_space
from joryu.search.space import SearchSpace
from joryu.search.sweep import SweepBudget, sweep

__all__ = ["SearchSpace", "SweepBudget", "SweepRecord", "SweepRun", "SweepSetup", "read_sweep", "sweep", "usual_space"]
