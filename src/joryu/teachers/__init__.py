"""Teachers: anything with ``label(batch) -> SoftTargets``."""

from joryu.teachers.human import Human
from joryu.teachers.network import Network
from joryu.teachers.reading import Reading, read_answers
from joryu.teachers.spec import find_teacher, load_teacher
from joryu.teachers.teacher import Teacher

__all__ = ["Human", "Network", "Reading", "Teacher", "find_teacher", "load_teacher", "read_answers"]
