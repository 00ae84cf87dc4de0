"""Text of others in Markdown: names and texts are shown as they are, and mean nothing.

Escaped is what could act: HTML, links, images, addresses that become links, emphasis, code, and the borders of tables
(CommonMark 0.31; tables and bare links of GitHub's dialect).
"""

import html
import re
from collections.abc import Iterable

#: Bare addresses become links in GitHub's dialect; the colon or dot is written as its number.
_ADDRESS = re.compile(r"(?i)\b(https?|ftp|file|data|javascript|mailto|xmpp)(:)|\b(www)(\.)|(@)")
_START = re.compile(r"^(?:\d{1,9}(?=[.)](?:\s|$))|#{1,6}(?=\s|$)|[-+](?=\s|$)|[-=]+$)")


def plain(text: str) -> str:
    """Return text as Markdown that shows exactly it, in one line."""
    line = " ".join(text.split())
    line = line.replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"([`*|~])", r"\\\1", line)
    line = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", line)
    line = re.sub(r"\](?=[(\[:])", r"\\]", line)
    line = _ADDRESS.sub(lambda found: "".join(_numbered(part) for part in found.groups() if part), line)
    start = _START.match(line)
    if start and start[0].isdigit():
        return start[0] + "\\" + line[start.end() :]
    return "\\" + line if start else line


def image(alt: str, address: str) -> str:
    """Return a picture; what stands for it may hold any brackets.

    Args:
        alt: what is seen.
        address: a relative one of our own making.
    """
    text = re.sub(r"(?<!\\)([\[\]])", r"\\\1", plain(alt))
    return f"![{text}]({address})"


def one_line(text: str) -> str:
    """Return text as HTML in Markdown that shows exactly it; an empty line would end the HTML."""
    return html.escape(" ".join(text.split()))


def row(cells: Iterable[str]) -> str:
    """Return a line of a table.

    Args:
        cells: Markdown, such as that of `plain`.
    """
    return "| " + " | ".join(cells) + " |"


def fenced(text: str, language: str) -> str:
    """Return a block of code, with a fence that the text does not contain."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _numbered(part: str) -> str:
    return f"&#{ord(part)};" if part in ":.@" else part
