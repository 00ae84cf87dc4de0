"""One record of a table, however the table is written."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Record:
    """One record of a table.

    Args:
        line: number of its first line, from 1; of a workbook its row, of JSON and Parquet its entry.
        fields: its fields without white space around them; empty where there is a problem.
        problem: why it cannot be read, null when it can.
    """

    line: int
    fields: tuple[str, ...]
    problem: str | None = None
