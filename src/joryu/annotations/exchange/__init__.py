"""Export and import answers as Label Studio's JSON, CSV or Parquet. Recordings of devices are never exported."""

from joryu.annotations.exchange.exporting import EXPORTED, ExportedAnswers, export_answers
from joryu.annotations.exchange.importing import IMPORTED, Imported, import_answers
from joryu.annotations.exchange.records import LeftOut

__all__ = ["EXPORTED", "IMPORTED", "ExportedAnswers", "Imported", "LeftOut", "export_answers", "import_answers"]
