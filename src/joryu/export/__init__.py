"""Export: a student for other runtimes, in a folder that answers by itself."""

from joryu.export.exporting import Exported, export_run, require_exportable
from joryu.export.settings import ExportSettings

__all__ = ["ExportSettings", "Exported", "export_run", "require_exportable"]
