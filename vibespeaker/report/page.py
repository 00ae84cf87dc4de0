"""A report's page as one HTML file that needs nothing else, and as Markdown with its pictures beside it."""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from vibespeaker.figures import svg_bytes
from vibespeaker.files import write_text
from vibespeaker.files.markdown import fenced, plain
from vibespeaker.files.markdown import row as markdown_row
from vibespeaker.progress import tracked
from vibespeaker.report.document import SYNTHETIC, Block, Code, Page, Paragraph, Picture, Table

#: What `write_page` writes besides figures, and the command beside it.
PAGE_FILES = ("index.html", "report.md", "evaluation.json", "words.json")
_PIXELS_PER_INCH = 96
_INTERVAL = re.compile(r"^(\S+) (\[.+\])$")


@dataclass(frozen=True)
class _Image:
    svg: bytes
    width: int
    height: int

    @property
    def source(self) -> str:
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg).decode()


def write_page(page: Page, folder: Path) -> Path:
    """Write `index.html`, `report.md` and `figures/*.svg`, and return the path of the HTML file."""
    pictures = [block for section in page.sections for block in section.blocks if isinstance(block, Picture)]
    images = {}
    with tracked("drawing", len(pictures), "figures") as tracker:
        for picture in pictures:
            width, height = (round(_PIXELS_PER_INCH * inches) for inches in picture.figure.get_size_inches())
            images[picture.name] = _Image(svg_bytes(picture.figure), width, height)
            write_text(folder / "figures" / f"{picture.name}.svg", images[picture.name].svg.decode())
            tracker.advance()
    write_text(folder / "report.md", as_markdown(page))
    write_text(folder / "index.html", as_html(page, images))
    return folder / "index.html"


def as_html(page: Page, images: Mapping[str, _Image]) -> str:
    """Return the page as HTML with its pictures inside."""
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters |= {"groups": _groups, "marked_up": _marked_up}
    template = environment.from_string(files("vibespeaker.report").joinpath("page.html").read_text("utf-8"))
    return template.render(page=page, pictures=images, cell_class=_cell_class) + "\n"


def as_markdown(page: Page) -> str:
    """Return the page as Markdown; pictures are links to `figures/NAME.svg`."""
    parts = [f"# {plain(page.title)}", *map(plain, page.lead)]
    if page.warning:
        parts.append(f"> **{plain(page.warning)}**")
    for section in page.sections:
        parts.append(f"## {plain(section.title)}")
        parts += [_markdown(block) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Table():
            return _markdown_table(block)
        case Picture():
            caption = plain(block.caption)
            return f"![{caption}](figures/{block.name}.svg)\n\n*{caption}*"
        case Code():
            folded = f"<details><summary>{escape(block.caption)}</summary>"
            return f"{folded}\n\n{fenced(block.text, 'yaml')}\n\n</details>"
        case Paragraph():
            points = [f"- {plain(point)}" for point in block.points]
            return "\n".join([plain(block.text), *(["", *points] if points else [])])


def _markdown_table(table: Table) -> str:
    rule = ["---" if column < table.labels else "---:" for column in range(len(table.header))]
    rows = (
        [f"**{plain(cell)}**" if (row, column) in table.best else plain(cell) for column, cell in enumerate(cells)]
        for row, cells in enumerate(table.rows)
    )
    header = markdown_row(map(plain, table.header))
    return "\n".join([f"*{plain(table.caption)}*", "", header, markdown_row(rule), *map(markdown_row, rows)])


def _groups(blocks: Iterable[Block]) -> Iterator[tuple[str, list[Block]]]:
    for kind, group in groupby(blocks, key=lambda block: type(block).__name__):
        yield kind, list(group)


def _marked_up(text: str) -> Markup:
    """Set intervals and the mark of synthetic speech off from the text around them."""
    found = _INTERVAL.match(text)
    if found:
        return Markup('{}<span class="interval">{}</span>').format(found[1], found[2])
    tag = Markup('<span class="tag">{}</span>').format(SYNTHETIC.strip(" ()"))
    return tag.join(text.split(SYNTHETIC))


def _cell_class(table: Table, row: int, column: int) -> Markup:
    names = ["name"] * (column < table.labels) + ["best"] * ((row, column) in table.best)
    return Markup(' class="{}"').format(" ".join(names)) if names else Markup("")
