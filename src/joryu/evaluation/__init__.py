"""Evaluation: how good a student is, how closely it follows its teacher, and whether it is better than its twin."""

from joryu.evaluation.agreement import Agreement, Likeness, agreement, likeness
from joryu.evaluation.answers import outputs_like
from joryu.evaluation.by_question import (
    Paired,
    QuestionDefaults,
    compare_evaluations,
    defaults_of,
    evaluator_for,
    validator_for,
)
from joryu.evaluation.calibration import reliability
from joryu.evaluation.classes import ClassEvaluation, GradedEvaluation
from joryu.evaluation.comparison import (
    Comparison,
    Verdict,
    compare,
    compare_correct,
    mcnemar_exact,
    tango_interval,
)
from joryu.evaluation.confusion import ConfusedPair, most_confused, per_class_accuracy
from joryu.evaluation.cost import Latency, count_learning, count_parameters, measure_latency, state_bytes
from joryu.evaluation.evaluator import Better, Evaluated, Evaluator, LikenessEvaluation, Measure, Scores
from joryu.evaluation.learning_curve import LearningCurve, UntoldError, fit_learning_curve, hold_out_largest
from joryu.evaluation.metrics import Evaluation, evaluate_logits
from joryu.evaluation.numbers import NumberErrors, NumberEvaluation
from joryu.evaluation.paired_scores import ScoreComparison, ScoreVerdict, bca_interval, compare_scores, sign_flip_test
from joryu.evaluation.permutation import Permuted, permutation_test, rejection_bound
from joryu.evaluation.pixels import OutputOverlap, PixelEvaluation
from joryu.evaluation.predictions import device_of, evaluating, predict_logits
from joryu.evaluation.record import as_json
from joryu.evaluation.replies import (
    KeptReplies,
    ModelAnswers,
    Replies,
    StudentReplies,
    TeacherReplies,
    kept_where_small,
)
from joryu.evaluation.running import evaluate_student, evaluate_together
from joryu.evaluation.seeds import SeedComparison, Summary, compare_seeds, summarise
from joryu.evaluation.tag_likeness import TagCoverage, TagLikenessEvaluation
from joryu.evaluation.tags import TagEvaluation, TagNumbers
from joryu.targets.average_precision import average_precision, precision_at
from joryu.targets.calibration import BINS, ReliabilityBin, expected_calibration_error
from joryu.targets.confusion import confusion_matrix

__all__ = [
    "BINS",
    "Agreement",
    "Better",
    "ClassEvaluation",
    "Comparison",
    "ConfusedPair",
    "Evaluated",
    "Evaluation",
    "Evaluator",
    "GradedEvaluation",
    "KeptReplies",
    "Latency",
    "LearningCurve",
    "Likeness",
    "LikenessEvaluation",
    "Measure",
    "ModelAnswers",
    "NumberErrors",
    "NumberEvaluation",
    "OutputOverlap",
    "Paired",
    "Permuted",
    "PixelEvaluation",
    "QuestionDefaults",
    "ReliabilityBin",
    "Replies",
    "ScoreComparison",
    "ScoreVerdict",
    "Scores",
    "SeedComparison",
    "StudentReplies",
    "Summary",
    "TagCoverage",
    "TagEvaluation",
    "TagLikenessEvaluation",
    "TagNumbers",
    "TeacherReplies",
    "UntoldError",
    "Verdict",
    "agreement",
    "as_json",
    "average_precision",
    "bca_interval",
    "compare",
    "compare_correct",
    "compare_evaluations",
    "compare_scores",
    "compare_seeds",
    "confusion_matrix",
    "count_learning",
    "count_parameters",
    "defaults_of",
    "device_of",
    "evaluate_logits",
    "evaluate_student",
    "evaluate_together",
    "evaluating",
    "evaluator_for",
    "expected_calibration_error",
    "fit_learning_curve",
    "hold_out_largest",
    "kept_where_small",
    "likeness",
    "mcnemar_exact",
    "measure_latency",
    "most_confused",
    "outputs_like",
    "per_class_accuracy",
    "permutation_test",
    "precision_at",
    "predict_logits",
    "rejection_bound",
    "reliability",
    "sign_flip_test",
    "state_bytes",
    "summarise",
    "tango_interval",
    "validator_for",
]
