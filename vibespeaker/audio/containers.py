"""Whether a file is whole: what its container promises, compared with the bytes that are there.

libsndfile returns what is left of a file without a word. One rule holds for all containers: where a header, a chunk or
a page promises more than the file holds, the file is truncated and refused; where nothing is promised (streams of MP3
without a header of their length, raw streams), what is there is taken. Programs that write to a pipe cannot go back to
set a size and leave a placeholder: all ones, a round number of 2,000,000,000 or more, or 0.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass

from vibespeaker.audio.opening import ForeignError, UnusableError
from vibespeaker.corpora.audio_formats import FFMPEG_REMEDY

#: A promise of so many bytes that the file does not nearly keep is a placeholder: sox, arecord, ffmpeg, mplayer …
_PLACEHOLDER_BYTES = 2_000_000_000
#: More chunks or pages are no recording.
_MAX_CHUNKS = 1 << 20
_NEVER_SET = "rewrite the header, e.g. with sox --ignore-length FILE NEW.wav"

#: Where, and which bytes → what the file is; libsndfile decodes none of these.
_FOREIGN = (
    (4, b"ftyp", "MP4 (m4a, mp4, mov, 3gp)"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska or WebM"),
    (0, b"#!AMR", "AMR"),
    (0, b"\x30\x26\xb2\x75", "Windows Media (wma, wmv)"),
    (8, b"AVI ", "AVI"),
    (0, b"\xff\xf1", "AAC"),
    (0, b"\xff\xf9", "AAC"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"wvpk", "WavPack"),
    (0, b"MPCK", "Musepack"),
    (0, b"TTA1", "True Audio"),
    (0, b"FLV", "Flash video"),
)


@dataclass(frozen=True)
class _Chunk:
    """A named piece of a file.

    Args:
        name: its four bytes.
        start: position of its content.
        size: bytes of content that its header promises.
    """

    name: bytes
    start: int
    size: int


def foreign_format(file: io.FileIO) -> str | None:
    """Return what a file is that only ffmpeg decodes, null for all others."""
    head = _at(file, 0, 16)
    return next((name for at, mark, name in _FOREIGN if head[at : at + len(mark)] == mark), None)


def require_whole(file: io.FileIO, size: int) -> None:
    """Refuse a truncated file of a container that tells.

    Args:
        file: open file.
        size: its bytes.

    Raises:
        UnusableError: with what was promised and what was found, or with what is wrong with the header.
    """
    head = _at(file, 0, 40)
    foreign = foreign_format(file)
    if foreign is not None:
        raise ForeignError(f"it is {foreign}, which is not decoded without ffmpeg: {FFMPEG_REMEDY}")
    if head[:4] in (b"RIFF", b"RF64", b"BW64", b"RIFX") and head[8:12] == b"WAVE":
        _require_samples(file, size, _chunks(file, size, 12, "big" if head[:4] == b"RIFX" else "little"), b"data")
    elif head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC", b"8SVX", b"16SV"):
        _require_samples(file, size, _chunks(file, size, 12, "big"), b"BODY" if b"SV" in head[8:12] else b"SSND")
    elif head[:4] == b"riff" and head[24:28] == b"wave":
        _require_samples(file, size, _wave64_chunks(file, size), b"data")
    elif head[:4] == b"caff":
        _require_samples(file, size, _core_audio_chunks(file, size), b"data")
    elif head[:4] in (b".snd", b"dns."):
        order = "big" if head[:4] == b".snd" else "little"
        start, promised = (int.from_bytes(head[at : at + 4], order) for at in (4, 8))  # type: ignore[arg-type]
        if promised != 0xFFFF_FFFF:  # of its placeholders, the only one that libsndfile knows
            _compare(promised, size - start, placeholder=None)
    elif head[:8] == b"NIST_1A\n":
        _require_sphere(file, size)
    elif head[:19] == b"Creative Voice File":
        _require_voice_file(file, size)
    elif head[:4] == b"OggS":
        _require_pages(file, size)


def _require_samples(file: io.FileIO, size: int, chunks: Iterator[_Chunk], wanted: bytes) -> None:
    """Compare the promise of the chunk with the samples; of a RF64 file the promise stands in a chunk before it."""
    odd, long_size = None, None
    for chunk in chunks:
        if chunk.name == b"ds64":
            long_size = int.from_bytes(_at(file, chunk.start + 8, 8), "little")
        if chunk.name == wanted:
            promised = long_size if long_size is not None and chunk.size == 0xFFFF_FFFF else chunk.size
            _compare(promised, size - chunk.start)
            _require_size_was_set(file, size, chunk.start, promised)
            return
        if chunk.size % 2 and _is_name(_at(file, chunk.start + chunk.size, 4)):
            odd = chunk
    if odd is not None:
        name = odd.name.decode("latin-1").strip()
        raise UnusableError(
            f"its header is wrong: the chunk {name} has an odd size of {odd.size} bytes and no padding byte, so that "
            "the samples behind it are not found; convert the file with a program that reads it, e.g. ffmpeg"
        )
    raise UnusableError("it is truncated: the header ends before the samples")


def _compare(promised: int, found: int, placeholder: int | None = _PLACEHOLDER_BYTES) -> None:
    if promised <= found or (placeholder is not None and promised >= placeholder and found < promised // 2):
        return
    raise UnusableError(f"it is truncated: {promised} bytes of samples promised, {max(0, found)} found")


def _require_size_was_set(file: io.FileIO, size: int, start: int, promised: int) -> None:
    """Refuse a size of 0, or one set early in a recording, behind which further samples follow."""
    end = start + promised + promised % 2
    rest = size - end
    if rest <= max(8, promised) or _is_name(_at(file, end, 4)) or not any(_at(file, end, 4096)):
        return
    raise UnusableError(
        f"its header promises {promised} bytes of samples, though {rest} more follow: the size was never set, as when "
        f"a recording is interrupted or written to a pipe; {_NEVER_SET}"
    )


def _chunks(file: io.FileIO, size: int, position: int, order: str) -> Iterator[_Chunk]:
    """Yield the chunks of RIFF and IFF files: name, four bytes of size, content padded to an even size."""
    for _ in range(_MAX_CHUNKS):
        header = _at(file, position, 8)
        if len(header) < 8:
            return
        chunk = _Chunk(header[:4], position + 8, int.from_bytes(header[4:], order))  # type: ignore[arg-type]
        yield chunk
        position = chunk.start + chunk.size + chunk.size % 2
        if position > size:
            return


def _wave64_chunks(file: io.FileIO, size: int) -> Iterator[_Chunk]:
    """Yield the chunks of Sony Wave64: 16 bytes of name, eight of size with the header, padded to eight bytes."""
    position = 40
    for _ in range(_MAX_CHUNKS):
        header = _at(file, position, 24)
        promised = int.from_bytes(header[16:], "little")
        if len(header) < 24 or promised < 24:
            return
        yield _Chunk(header[:4], position + 24, promised - 24)
        position += promised + -promised % 8
        if position > size:
            return


def _core_audio_chunks(file: io.FileIO, size: int) -> Iterator[_Chunk]:
    """Yield the chunks of Core Audio files; a size of −1 reaches to the end of the file."""
    position = 8
    for _ in range(_MAX_CHUNKS):
        header = _at(file, position, 12)
        if len(header) < 12:
            return
        promised = int.from_bytes(header[4:], "big", signed=True)
        yield _Chunk(header[:4], position + 12, size - position - 12 if promised < 0 else promised)
        position += 12 + max(0, promised)
        if promised < 0 or position > size:
            return


def _require_sphere(file: io.FileIO, size: int) -> None:
    """Compare with the counts in the header of a NIST SPHERE file, lines of `name -type value`."""
    header = _at(file, 0, 1024).decode("latin-1").splitlines()
    fields = {parts[0]: parts[2] for line in header if len(parts := line.split()) == 3}
    try:
        start = int(header[1])
        counts = [int(fields[name]) for name in ("sample_count", "sample_n_bytes", "channel_count")]
    except (ValueError, KeyError, IndexError):
        return
    # `shorten` packs samples, so that their count says nothing of bytes
    if "," not in fields.get("sample_coding", "pcm"):
        _compare(counts[0] * counts[1] * counts[2], size - start)


def _require_voice_file(file: io.FileIO, size: int) -> None:
    """Compare with the blocks of a Creative voice file: a byte of type, 0 for the end, and three of size."""
    position = int.from_bytes(_at(file, 20, 2), "little")
    for _ in range(_MAX_CHUNKS):
        header = _at(file, position, 4)
        if len(header) < 4 or header[0] == 0:
            return
        promised = int.from_bytes(header[1:], "little")
        _compare(promised, size - position - 4)
        position += 4 + promised


def _require_pages(file: io.FileIO, size: int) -> None:
    """Refuse an Ogg file that ends within a page: 27 bytes, a table of sizes, and as many bytes as they sum up to."""
    position = 0
    for _ in range(_MAX_CHUNKS):
        header = _at(file, position, 27)
        if header[:4] != b"OggS":
            return
        table = _at(file, position + 27, header[26]) if len(header) == 27 else b""
        promised = 27 + header[26] + sum(table) if len(header) == 27 else 27
        if position + promised > size:
            raise UnusableError(f"it is truncated: {promised} bytes promised by its last page, {size - position} found")
        position += promised


def _is_name(data: bytes) -> bool:
    """True for the four letters that a chunk begins with."""
    return len(data) == 4 and all(0x20 <= byte < 0x7F for byte in data) and not data.isspace()


def _at(file: io.FileIO, position: int, size: int) -> bytes:
    file.seek(position)
    return file.read(size)
