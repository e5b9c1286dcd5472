"""Students: reference architectures, their input normalisation and their files."""

from joryu.students.architecture import build_architecture
from joryu.students.blueprint import Blueprint, fingerprint, load_student, require_inputs, save_student
from joryu.students.head import Float32Linear, keep_head_in_float32
from joryu.students.named_outputs import units_of
from joryu.students.normalise import Normalise, measure_normalisation
from joryu.students.weights import load_weights

__all__ = [
    "Blueprint",
    "Float32Linear",
    "Normalise",
    "build_architecture",
    "fingerprint",
    "keep_head_in_float32",
    "load_student",
    "load_weights",
    "measure_normalisation",
    "require_inputs",
    "save_student",
    "units_of",
]
