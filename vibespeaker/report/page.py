"""A report's page as one HTML file that needs nothing else, and as Markdown with its pictures beside it."""

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from vibespeaker.figures import figure_bytes, svg_bytes
from vibespeaker.files import write_bytes, write_text
from vibespeaker.files.markdown import fenced, image, one_line, plain
from vibespeaker.files.markdown import row as markdown_row
from vibespeaker.files.outputs import Format
from vibespeaker.progress import tracked
from vibespeaker.report.document import Block, Clip, Code, Page, Paragraph, Picture, Table

#: What `write_page` writes besides figures, and the command beside it.
PAGE_FILES = ("index.html", "report.md", "evaluation.json", "words.json")
_PIXELS_PER_INCH = 96
_STRIP = (420, 129)
_INTERVAL = re.compile(r"^(\S+) (\[.+\])$")


@dataclass(frozen=True)
class _Image:
    content: bytes
    kind: str
    width: int
    height: int
    sound: bytes | None = None

    @property
    def source(self) -> str:
        return f"data:image/{self.kind};base64," + base64.b64encode(self.content).decode()

    @property
    def listen(self) -> str | None:
        return None if self.sound is None else "data:audio/mpeg;base64," + base64.b64encode(self.sound).decode()


def write_page(page: Page, folder: Path, kind: Format = "svg") -> Path:
    """Write `index.html`, `report.md` and what both show below `figures/`, and return the path of the HTML file.

    Args:
        page: what to write.
        folder: below which all is written.
        kind: of the figures beside the Markdown; those inside the HTML are SVG, sharp at any size.
    """
    shown = [block for section in page.sections for block in section.blocks if isinstance(block, Picture | Clip)]
    images = {}
    with tracked("drawing", len(shown), "figures") as tracker:
        for block in shown:
            images[block.name] = _write_image(block, folder / "figures", kind)
            tracker.advance()
    write_text(folder / "report.md", as_markdown(page, kind))
    write_text(folder / "index.html", as_html(page, images))
    return folder / "index.html"


def _write_image(block: Picture | Clip, folder: Path, kind: Format) -> _Image:
    if isinstance(block, Clip):
        write_bytes(folder / f"{block.name}.png", block.picture)
        if block.sound is not None:
            write_bytes(folder / f"{block.name}.mp3", block.sound)
        return _Image(block.picture, "png", *_STRIP, block.sound)
    width, height = (round(_PIXELS_PER_INCH * inches) for inches in block.figure.get_size_inches())
    inside = svg_bytes(block.figure)
    write_bytes(folder / f"{block.name}.{kind}", inside if kind == "svg" else figure_bytes(block.figure, kind))
    return _Image(inside, "svg+xml", width, height)


def as_html(page: Page, images: Mapping[str, _Image]) -> str:
    """Return the page as HTML with its pictures inside."""
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters |= {"kinds": _kinds, "marked_up": _marked_up}
    template = environment.from_string(files("vibespeaker.report").joinpath("page.html").read_text("utf-8"))
    return template.render(page=page, pictures=images, cell_class=_cell_class) + "\n"


def as_markdown(page: Page, kind: Format = "svg") -> str:
    """Return the page as Markdown; pictures are links to `figures/NAME.svg`, or of another kind."""
    parts = [f"# {plain(page.title)}", *map(plain, page.lead)]
    if page.warning:
        parts.append(f"> **{plain(page.warning)}**")
    for section in page.sections:
        parts.append(f"## {plain(section.title)}")
        parts += [_markdown(block, kind) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def _markdown(block: Block, kind: Format) -> str:
    match block:
        case Table():
            table = _markdown_table(block)
            return _folded(block.caption, table) if block.folded else f"*{plain(block.caption)}*\n\n{table}"
        case Picture():
            return f"{image(block.alt, f'figures/{block.name}.{kind}')}\n\n*{plain(block.caption)}*"
        case Clip():
            listen = "" if block.sound is None else f" [Listen](figures/{block.name}.mp3)"
            return f"{image(block.alt, f'figures/{block.name}.png')}\n\n*{plain(block.caption)}*{listen}"
        case Code():
            return _folded(block.caption, fenced(block.text, "yaml"))
        case Paragraph():
            points = [f"- {plain(point)}" for point in block.points]
            return "\n".join([plain(block.text), *(["", *points] if points else [])])


def _folded(caption: str, text: str) -> str:
    return f"<details><summary>{one_line(caption)}</summary>\n\n{text}\n\n</details>"


def _markdown_table(table: Table) -> str:
    rule = ["---" if column < table.labels else "---:" for column in range(len(table.header))]
    rows = (
        [f"**{plain(cell)}**" if (row, column) in table.best else plain(cell) for column, cell in enumerate(cells)]
        for row, cells in enumerate(table.rows)
    )
    header = markdown_row(map(plain, table.header))
    return "\n".join([header, markdown_row(rule), *map(markdown_row, rows)])


def _kinds(blocks: Iterable[Block]) -> list[tuple[str, Block]]:
    return [(type(block).__name__, block) for block in blocks]


def _marked_up(text: str) -> Markup | str:
    """Set intervals off from the scores before them."""
    found = _INTERVAL.match(text)
    return Markup('{}<span class="interval">{}</span>').format(found[1], found[2]) if found else text


def _cell_class(table: Table, row: int, column: int) -> Markup:
    names = ["name"] * (column < table.labels) + ["best"] * ((row, column) in table.best)
    return Markup(' class="{}"').format(" ".join(names)) if names else Markup("")
