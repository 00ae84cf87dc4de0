"""Encodings are told apart, and what is not plain UTF-8 is said."""

import codecs
from pathlib import Path

import pytest

from vibespeaker.corpora.text_files import decode
from vibespeaker.errors import CorpusError

PLACE = Path("labels.csv")
TABLE = "audio;text\r\na.wav;rușine – 日本語\r\n"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (TABLE.encode(), None),
        (codecs.BOM_UTF8 + TABLE.encode(), None),
        (TABLE.encode("utf-16"), "UTF-16"),
        (codecs.BOM_UTF16_BE + TABLE.encode("utf-16-be"), "UTF-16"),
        (TABLE.encode("utf-16-le"), "UTF-16 without a byte order mark"),
        (TABLE.encode("utf-16-be"), "UTF-16 without a byte order mark"),
        (TABLE.encode("utf-32"), "UTF-32"),
    ],
)
def test_unicode_by_its_mark_or_its_zeros(data: bytes, said: str | None) -> None:
    text = decode(data, PLACE)
    assert text.content == TABLE
    assert text.remark == (None if said is None else f"labels.csv is {said} and was read as such")


def test_windows_1252_is_read_with_a_remark_line_by_line() -> None:
    text = decode("text\ncafé “no”\nen cámp\n".encode("cp1252") + "naïve – 日本語\n".encode(), PLACE)
    assert text.content == "text\ncafé “no”\nen cámp\nnaïve – 日本語\n"
    assert text.remark == ("labels.csv is no UTF-8 in 2 of 4 lines, the first line 2: they were read as Windows-1252")
    assert (decode(b"a\n\x81\xe9\n", PLACE).remark or "").endswith(", in which 1 bytes mean nothing and became �")


def test_an_encoding_that_is_named_is_followed() -> None:
    assert decode("żółć".encode("cp1250"), PLACE, "cp1250").content == "żółć"
    for encoding, data in (("utf-8", b"\xe9"), ("utf-9", b"a"), ("utf-16", b"a")):
        with pytest.raises(CorpusError, match=f"labels.csv cannot be read as {encoding}"):
            decode(data, PLACE, encoding)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\x03\x04xx", "labels.csv is no text. Found: a ZIP archive, such as an Excel workbook"),
        (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
        (b"audio,text\na,b\nc,\0d\n", "labels.csv is no text: it holds bytes of zero, the first in line 3"),
        (b"au\0dio,text\na,b\n", "it holds bytes of zero, the first in line 1"),
        (b"\0\0\0\0", "it holds bytes of zero, the first in line 1"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(CorpusError) as raised:
        decode(data, PLACE)
    assert said in str(raised.value)
