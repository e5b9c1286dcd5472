"""People's annotations: typed answers, the project that stores them, agreement, and exchange with other tools."""

from joryu.annotations.answer import Answer, Timing, pseudonym
from joryu.annotations.project import Forgotten, PictureFile, Project, Taken, picture_key
from joryu.annotations.settings import Settings

__all__ = ["Answer", "Forgotten", "PictureFile", "Project", "Settings", "Taken", "Timing", "picture_key", "pseudonym"]
