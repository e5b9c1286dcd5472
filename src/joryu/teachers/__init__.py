"""Teachers: anything with ``answer(batch) -> Reply``; and the labelling that stores their answers."""

from joryu.teachers.ensemble import Ensemble
from joryu.teachers.estimator import Estimator
from joryu.teachers.human import Human
from joryu.teachers.interpretation import Interpretation, read_answers
from joryu.teachers.network import Network
from joryu.teachers.recorded import Recorded
from joryu.teachers.spec import find_teacher, load_teacher
from joryu.teachers.teacher import Reply, Teacher, TeacherBatch

__all__ = [
    "Ensemble",
    "Estimator",
    "Human",
    "Interpretation",
    "Network",
    "Recorded",
    "Reply",
    "Teacher",
    "TeacherBatch",
    "find_teacher",
    "load_teacher",
    "read_answers",
]
