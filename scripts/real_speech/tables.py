"""Tables of the benchmarks, as Markdown that documents can hold."""

from collections.abc import Sequence

from vibespeaker.files.markdown import plain, row
from vibespeaker.progress import plain_console


def shown(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Print a table in Markdown, and return its lines; the first column holds names, the others numbers."""
    rule = "|---" + "|---:" * (len(header) - 1) + "|"
    lines = ["", f"{title}:", "", row(header), rule, *(row(map(plain, cells)) for cells in rows)]
    for line in lines:
        plain_console().print(line, highlight=False, soft_wrap=True)
    return lines
