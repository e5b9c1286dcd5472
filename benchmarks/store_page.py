"""The result of `benchmarks.store` for the tags of an API as JSON and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.results import keep, table

NAME = "tag-store"
MOST_BYTES, LEAST_ROWS, MOST_MIB = 160, 1_000_000, 1430  #: a row, rows a second, and 1.5 GB


def write(report: dict[str, Any], folder: Path) -> None:
    """``tag-store.json`` and ``tag-store.md``."""
    keep(NAME, report, markdown(report), folder)


def markdown(report: dict[str, Any]) -> str:
    """The page."""
    machine, layouts = report["machine"], report["results"]
    measures = next(iter(layouts.values()))
    rows = [[name.replace("_", " "), *(f"{of[name]:,.1f}" for of in layouts.values())] for name in measures]
    parts = [
        "# The answers of a tagging API, kept",
        f"{machine['cpu']}, {machine['cores']} core(s), {machine['threads']} thread(s), {machine['system']}, Python "
        f"{machine['python']}, PyTorch {machine['torch']}. `{report['command']}`: {report['rows']:,} made-up answers,"
        " each the scores of 4 to 32 of 5,000 tags with a bound for the others, in shards as `joryu label` writes and"
        " merges them; gathers of 256 random rows, warm. *pss* is the whole process while it reads, imports and mapped"
        " shards included; peaks are what is added to the imports.",
        table(["", *layouts], rows),
        "\n".join(f"- {name}: {line}" for name, of in layouts.items() for line in _claims(of)),
        "Scores are kept in float16 where it is asked for (`joryu label --encoding top-32`); unless said they are"
        " float32, which is 64 bytes a row more.",
    ]
    return "\n\n".join(parts) + "\n"


def _claims(of: dict[str, float]) -> list[str]:
    checks = (
        (f"{of['bytes_per_row']:.1f} bytes a row, at most {MOST_BYTES}", of["bytes_per_row"] <= MOST_BYTES),
        (f"{of['gather_rows_per_second']:,.0f} rows a second gathered, at least {LEAST_ROWS:,}",
         of["gather_rows_per_second"] >= LEAST_ROWS),
        (f"{of['read_pss_mib']:,.0f} MiB resident, at most {MOST_MIB:,} (1.5 GB)", of["read_pss_mib"] <= MOST_MIB),
    )  # fmt: skip
    return [f"{what}: {'met' if met else 'missed'}" for what, met in checks]
