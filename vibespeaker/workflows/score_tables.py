"""Tables of scores, in the terminal and as Markdown: names at the left, numbers at the right."""

from collections.abc import Sequence

from rich.table import Table

from vibespeaker.files.markdown import plain, row


def on_screen(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]], names: int = 1, caption: str | None = None
) -> Table:
    """Return a table of scores for the terminal.

    Args:
        title: what the scores are of.
        header: of all columns.
        rows: cells of the same columns.
        names: columns that hold names, the first ones.
        caption: what stands below.
    """
    table = Table(title=f"{title}: score [95 % interval over speakers]", title_justify="left", caption=caption)
    for number, name in enumerate(header):
        table.add_column(name, justify="left" if number < names else "right", overflow="fold")
    for cells in rows:
        table.add_row(*cells)
    return table


def as_markdown(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], names: int = 1) -> str:
    """Return the same as Markdown below its title, without a line's end; see `on_screen`."""
    rule = "|" + "---|" * names + "---:|" * (len(header) - names)
    return "\n".join([f"# {plain(title)}", "", row(header), rule, *(row(map(plain, cells)) for cells in rows)])
