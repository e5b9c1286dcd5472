"""Evaluation: how good a student is, what it took over from its teacher, and whether distilling helped."""

from joryu.evaluation.agreement import Agreement, Likeness, agreement, likeness
from joryu.evaluation.calibration import reliability
from joryu.evaluation.comparison import (
    Comparison,
    Verdict,
    compare,
    compare_correct,
    mcnemar_exact,
    tango_interval,
)
from joryu.evaluation.confusion import ConfusedPair, confusion_matrix, most_confused, per_class_accuracy
from joryu.evaluation.cost import Latency, count_parameters, measure_latency, state_bytes
from joryu.evaluation.metrics import Evaluation, evaluate_logits
from joryu.evaluation.permutation import Permuted, permutation_test, rejection_bound
from joryu.evaluation.predictions import device_of, evaluating, predict_logits
from joryu.evaluation.record import as_json
from joryu.evaluation.seeds import SeedComparison, Summary, compare_seeds, summarise
from joryu.targets.calibration import BINS, ReliabilityBin, expected_calibration_error

__all__ = [
    "BINS",
    "Agreement",
    "Comparison",
    "ConfusedPair",
    "Evaluation",
    "Latency",
    "Likeness",
    "Permuted",
    "ReliabilityBin",
    "SeedComparison",
    "Summary",
    "Verdict",
    "agreement",
    "as_json",
    "compare",
    "compare_correct",
    "compare_seeds",
    "confusion_matrix",
    "count_parameters",
    "device_of",
    "evaluate_logits",
    "evaluating",
    "expected_calibration_error",
    "likeness",
    "mcnemar_exact",
    "measure_latency",
    "most_confused",
    "per_class_accuracy",
    "permutation_test",
    "predict_logits",
    "rejection_bound",
    "reliability",
    "state_bytes",
    "summarise",
    "tango_interval",
]
