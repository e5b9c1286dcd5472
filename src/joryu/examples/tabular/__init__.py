"""Tables: read files of rows and columns, find their question, and turn their rows into inputs."""

from joryu.examples.tabular.bundled import BUNDLED
from joryu.examples.tabular.preparation import CategoryColumn, NumberColumn, Prepared, TablePreparation
from joryu.examples.tabular.table import (
    OPTIONS,
    LoadedTable,
    TableOptions,
    labelled_table_splits,
    load_table,
    table_splits,
)

__all__ = [
    "BUNDLED",
    "OPTIONS",
    "CategoryColumn",
    "LoadedTable",
    "NumberColumn",
    "Prepared",
    "TableOptions",
    "TablePreparation",
    "labelled_table_splits",
    "load_table",
    "table_splits",
]
