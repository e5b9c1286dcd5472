"""Answers to and from other tools: Label Studio's JSON, CSV, Parquet. What devices recorded stays here."""

from joryu.annotations.exchange.exporting import EXPORTED, Exported, export_answers
from joryu.annotations.exchange.importing import IMPORTED, Imported, import_answers
from joryu.annotations.exchange.records import LeftOut

__all__ = ["EXPORTED", "IMPORTED", "Exported", "Imported", "LeftOut", "export_answers", "import_answers"]
