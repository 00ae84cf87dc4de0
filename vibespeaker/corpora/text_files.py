"""Bytes of a text file → text: UTF-8 or UTF-16 by their marks and patterns, else Windows-1252, never in silence."""

import unicodedata
from dataclasses import dataclass
from pathlib import Path

from vibespeaker.errors import CorpusError

#: Byte order marks; that of UTF-32 begins as that of UTF-16 does, so it comes first.
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
#: First bytes of files that are taken for text by their suffix alone.
_FOREIGN = (
    (b"PK\x03\x04", "a ZIP archive, such as an Excel workbook (.xlsx) or an OpenDocument file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"PAR1", "a Parquet file"),
    (b"RIFF", "a WAV file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF document"),
    (b"ooBinaryFile", "a binary file of Praat, which can save it as a text file"),
)


@dataclass(frozen=True)
class Text:
    """The text of a file.

    Args:
        content: the text, without byte order mark; line ends as they are.
        remark: how it was decoded where that is not plain UTF-8, else null.
    """

    content: str
    remark: str | None = None


def read_text(path: Path, encoding: str | None = None) -> Text:
    """Read a text file of any usual encoding.

    Args:
        path: the file.
        encoding: its encoding where the user names it; null to find out.

    Raises:
        CorpusError: it cannot be read, is no text, or is not of the encoding named.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path} cannot be read", found=error.strerror or error) from error
    return decode(data, path, encoding)


def decode(data: bytes, path: Path, encoding: str | None = None) -> Text:
    """Decode the bytes of `path`; see `read_text`."""
    if encoding is not None:
        return Text(_decode(data, path, encoding))
    mark = next((name for start, name in _MARKS if data.startswith(start)), None)
    if mark is not None and mark != "utf-8-sig":
        return Text(_decode(data, path, mark), f"{path.name} is {mark.upper()} and was read as such")
    for start, kind in _FOREIGN:
        if data.startswith(start):
            raise CorpusError(
                f"{path} is no text", found=kind, remedy="save the table as CSV in UTF-8, or give the file its suffix"
            )
    if b"\0" in data:
        return _without_mark(data, path)
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return Text(data.decode("utf-8").replace("\ufeff", ""))
    except UnicodeDecodeError:
        return _mixed(data, path)


def _decode(data: bytes, path: Path, encoding: str) -> str:
    try:
        return data.decode(encoding).replace("\ufeff", "")
    except (UnicodeError, LookupError) as error:
        raise CorpusError(
            f"{path} cannot be read as {encoding}",
            found=error,
            remedy="name the encoding it was saved in, such as utf-8",
        ) from error


def _without_mark(data: bytes, path: Path) -> Text:
    """Read UTF-16 that has no byte order mark: one byte of every ASCII character is zero, always the same one.

    Raises:
        CorpusError: the zeros have no such pattern.
    """
    zeros = data[::2].count(0), data[1::2].count(0)
    for encoding, there, elsewhere in (("utf-16-le", zeros[1], zeros[0]), ("utf-16-be", zeros[0], zeros[1])):
        if elsewhere or len(data) % 2:
            continue
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        header = text.splitlines()[0]
        # stray zeros in text of one byte a character make Chinese of it; the names of columns are mostly ASCII
        if there and sum(character.isascii() for character in header) * 2 > len(header):
            return Text(text, f"{path.name} is UTF-16 without a byte order mark and was read as such")
    line = data[: data.index(0)].count(b"\n") + 1
    raise CorpusError(
        f"{path} is no text: it holds bytes of zero, the first in line {line}",
        remedy="save the table again as CSV in UTF-8",
    )


def _mixed(data: bytes, path: Path) -> Text:
    """Read lines that are no UTF-8 as Windows-1252; files joined from several hold both."""
    lines = data.removesuffix(b"\n").split(b"\n")
    texts, foreign = [], []
    for number, line in enumerate(lines, 1):
        try:
            texts.append(line.decode("utf-8"))
        except UnicodeDecodeError:
            texts.append(line.decode("cp1252", errors="replace"))
            foreign.append(number)
    content = ("\n".join(texts) + ("\n" if data.endswith(b"\n") else "")).replace("\ufeff", "")
    unknown = sum(texts[number - 1].count("\ufffd") for number in foreign)
    remark = (
        f"{path.name} is no UTF-8 in {len(foreign):,} of {len(lines):,} lines, the first line {foreign[0]}: "
        "they were read as Windows-1252"
    )
    return Text(content, remark + (f", in which {unknown:,} bytes mean nothing and became �" if unknown else ""))


def normal(text: str) -> str:
    """Return text in Unicode's composed form (NFC): macOS writes `é` in names as two characters, tables as one."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)
