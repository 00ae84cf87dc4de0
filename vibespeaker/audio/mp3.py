"""MPEG audio frame by frame: how many there are, and what a header of their number promises.

An MP3 file is a stream of frames. Encoders may put a frame before them that tells their number (`Xing`, `Info`,
`VBRI`); without it libsndfile estimates the length from the size of the first frame, and reads no further than that.
Frames are therefore counted here, and a stream without a right number is handed to libsndfile as a file that seems
longer than it is, of which it then reads all there is.

Header fields: ISO/IEC 11172-3 and 13818-3; the number of frames: Xing's and Fraunhofer's own descriptions.
"""

import io
from dataclasses import dataclass

_BITRATES = {  # (MPEG 1 or not, layer) → kbit/s by index 1 to 14
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
#: Samples by which a layer III decoder is behind; known numbers of frames come with the delay to cut off.
DECODER_DELAY = 529
#: A stream without a number of frames seems so many times as long: the largest frame is 80 times the smallest.
_STRETCH = 200
_TAG_BYTES = 128
#: So many bytes that begin no frame though they might are no stream.
_MAX_MISSES = 1 << 20


@dataclass(frozen=True)
class Frames:
    """The frames of a file.

    Args:
        count: whole frames of audio, without the one that tells their number.
        promised: number of frames that the file tells, null where it tells none.
        samples: samples of a channel in all frames.
        spans: first and last + 1 byte of runs of whole frames of audio.
        is_cut: True when the file ends within a frame.
    """

    count: int
    promised: int | None
    samples: int
    spans: tuple[tuple[int, int], ...]
    is_cut: bool

    @property
    def is_told(self) -> bool:
        """True when the file tells its number of frames; some encoders count the one that tells it."""
        return self.promised is not None and self.promised - 1 <= self.count <= self.promised

    @property
    def is_short(self) -> bool:
        """True when the file holds fewer frames than it tells."""
        missing = 0 if self.promised is None else self.promised - self.count
        return missing > 1 or (missing == 1 and self.is_cut)


def find_frames(data: bytes) -> Frames:
    """Find the frames in the bytes of a file; tags before and behind them and bytes between them are passed over."""
    position = _after_tag(data)
    spans: list[tuple[int, int]] = []
    count = samples = 0
    promised: int | None = None
    is_cut = False
    misses = 0
    while misses < _MAX_MISSES and (position := data.find(b"\xff", position)) >= 0:
        found = _frame(data, position)
        end = position + (0 if found is None else found[0])
        # two frames in a row make a stream, in the beginning and after bytes that are none
        if found is None or ((not spans or spans[-1][1] != position) and not _follows(data, end)):
            position, misses = position + 1, misses + 1
            continue
        if end > len(data):
            is_cut = count > 0
            break
        told = _told(data, position) if not count and promised is None else None
        if told is not None:
            promised = told
        else:
            count, samples = count + 1, samples + found[1]
            if spans and spans[-1][1] == position:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((position, end))
        position = end
    return Frames(count, promised or None, samples, tuple(spans), is_cut)


class Stream(io.RawIOBase):
    """The whole frames of a file, as a file that seems `_STRETCH` times as long: libsndfile reads it to its true end.

    Args:
        data: bytes of the file.
        frames: of the file.
    """

    def __init__(self, data: bytes, frames: Frames) -> None:
        self._data = b"".join(data[start:end] for start, end in frames.spans)
        self._size = len(self._data) * _STRETCH + _TAG_BYTES
        self._position = 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position, also behind the true end."""
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        """Fill `buffer` with what is there; where a tag would be at the seeming end, with zeros."""
        piece = self._data[self._position : self._position + len(buffer)]
        if self._position >= self._size - _TAG_BYTES:
            piece = bytes(min(len(buffer), max(0, self._size - self._position)))
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)


def _frame(data: bytes, position: int) -> tuple[int, int] | None:
    """Return bytes and samples of the frame whose header is at `position`, null where there is none."""
    header = data[position : position + 4]
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bitrate, rate = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return None
    is_first = version == 3
    samples = 384 if layer == 1 else 576 if layer == 3 and not is_first else 1_152
    bits = 1_000 * _BITRATES[is_first, layer][bitrate - 1]
    padding = header[2] >> 1 & 1
    size = samples // 8 * bits // _RATES[version][rate] + padding
    return (size // 4 * 4 if layer == 1 else size), samples


def _follows(data: bytes, end: int) -> bool:
    """True when a frame, a tag or the end of the file comes at `end`."""
    return end >= len(data) or _frame(data, end) is not None or data[end : end + 3] == b"TAG"


def _told(data: bytes, position: int) -> int | None:
    """Return the number of frames that the first frame tells; null when it is audio."""
    is_first, is_mono = data[position + 1] >> 3 & 3 == 3, data[position + 3] >> 6 == 3
    at = position + 4 + ((17 if is_mono else 32) if is_first else (9 if is_mono else 17))
    if data[at : at + 4] in (b"Xing", b"Info"):
        has_frames = data[at + 7] & 1
        return int.from_bytes(data[at + 8 : at + 12], "big") if has_frames else 0
    at = position + 36
    return int.from_bytes(data[at + 14 : at + 18], "big") if data[at : at + 4] == b"VBRI" else None


def _after_tag(data: bytes) -> int:
    """Return where an ID3v2 tag, whose size has seven bits a byte, ends."""
    if data[:3] != b"ID3" or len(data) < 10:
        return 0
    return 10 + (data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9])
