"""Reports: one HTML page about a run or several; Markdown tables and figures of results.

`joryu.report.figures` imports matplotlib, which is slow, so it is not imported here.
"""

from joryu.report.data import ModelCard, ReportData, Role
from joryu.report.findings import Findings, find, report_numbers
from joryu.report.page import render_report, write_report
from joryu.report.tables import ResultRow, markdown_table, results_table

__all__ = [
    "Findings",
    "ModelCard",
    "ReportData",
    "ResultRow",
    "Role",
    "find",
    "markdown_table",
    "render_report",
    "report_numbers",
    "results_table",
    "write_report",
]
