"""Teachers: anything with ``label(batch) -> SoftTargets``."""

from joryu.teachers.network import Network
from joryu.teachers.spec import load_teacher
from joryu.teachers.teacher import Teacher

__all__ = ["Network", "Teacher", "load_teacher"]
