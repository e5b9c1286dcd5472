"""Answers as Parquet: the columns of the CSV file with their types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from joryu.annotations.exchange.csv_table import require_columns
from joryu.annotations.exchange.records import COUNTS, TEXTS, Record, Value
from joryu.errors import InputError


def write_parquet(file: IO[bytes], rows: Sequence[Mapping[str, Value]], columns: Sequence[str]) -> None:
    """Write one row per answer; ``None`` becomes null."""
    import pyarrow as pa  # noqa: PLC0415 - a tenth of a second that only this format needs
    import pyarrow.parquet as pq  # noqa: PLC0415

    kinds = dict.fromkeys(TEXTS, pa.string()) | dict.fromkeys(COUNTS, pa.int64())
    arrays = {name: pa.array([row.get(name) for row in rows], kinds.get(name, pa.float64())) for name in columns}
    pq.write_table(pa.table(arrays), file)


def read_parquet(path: Path) -> Iterator[Record]:
    """The rows of a file as records; needed are the same columns as for `read_csv`.

    Raises:
        InputError: the file is not Parquet, or a needed column is missing.
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        with pq.ParquetFile(path) as file:
            require_columns(path, file.schema_arrow.names)
            row = 0
            for batch in file.iter_batches():
                for values in batch.to_pylist():
                    row += 1
                    address = values.get("path", values.get("picture"))
                    addresses = (address,) if isinstance(address, str) else ()
                    yield Record(where=f"{path.name}, row {row}", values=values, addresses=addresses)
    except pa.ArrowException as error:
        raise InputError(f"{path} is not Parquet", received=str(error).splitlines()[0]) from error
