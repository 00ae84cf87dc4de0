"""Whole and truncated files of every container, written byte by byte or by libsndfile."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vibespeaker.audio.files import examine
from vibespeaker.corpora.audio_formats import AUDIO_SUFFIXES, DECODED, FOREIGN_SUFFIXES

RATE = 16_000
NOISE = np.random.default_rng(0).normal(scale=0.1, size=RATE).clip(-1, 1).astype(np.float32)
#: The promise of a length is in the header of each of these.
PROMISING = [
    *(("WAV", "PCM_16"), ("WAV", "IMA_ADPCM"), ("WAVEX", "FLOAT"), ("RF64", "PCM_16"), ("W64", "PCM_16")),
    *(
        ("AIFF", "PCM_16"),
        ("AU", "PCM_16"),
        ("CAF", "PCM_16"),
        ("SVX", "PCM_16"),
        ("NIST", "PCM_16"),
        ("VOC", "PCM_16"),
    ),
    *(("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")),
]


def wave(size: int, *, before: bytes = b"", after: bytes = b"", samples: int = RATE) -> bytes:
    """A 16 kHz mono WAV whose data chunk promises `size` bytes."""
    data = (NOISE[:samples] * 32_767).astype("<i2").tobytes()
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    body = b"WAVE" + form + before + b"data" + struct.pack("<I", size) + data + after
    return b"RIFF" + struct.pack("<I", min(len(body), 0xFFFFFFFF)) + body


def encoded(path: Path, format: str, subtype: str) -> bytes:
    soundfile.write(path, NOISE, 48_000 if subtype == "OPUS" else RATE, format=format, subtype=subtype)
    return path.read_bytes()


@pytest.mark.parametrize(("format", "subtype"), PROMISING)
def test_a_truncated_file_is_refused_where_its_length_is_promised(tmp_path: Path, format: str, subtype: str) -> None:
    path = tmp_path / "a"
    whole = encoded(path, format, subtype)
    assert examine(path).problem is None
    path.write_bytes(whole[: len(whole) * 2 // 3])
    problem = examine(path).problem
    assert problem is not None
    assert problem.startswith("it is truncated: ")
    assert "promised" in problem
    assert "found" in problem


@pytest.mark.parametrize(("format", "subtype"), [("IRCAM", "PCM_16"), ("PVF", "PCM_16")])
def test_where_no_length_is_promised_what_is_there_is_kept(tmp_path: Path, format: str, subtype: str) -> None:
    path = tmp_path / "a"
    whole = encoded(path, format, subtype)
    path.write_bytes(whole[: len(whole) // 2])
    facts = examine(path)
    assert facts.problem is None
    assert facts.duration == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("size", [0x7FFF_F000, 0x8000_0000, 2_000_000_000, 0x7FFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFDB])
def test_placeholders_of_programs_that_write_to_pipes_are_read_whole(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wave(size))
    assert examine(path).duration == 1.0
    whole = encoded(path, "AU", "PCM_16")
    path.write_bytes(whole[:8] + b"\xff\xff\xff\xff" + whole[12:])
    assert examine(path).duration == 1.0


def test_sizes_that_were_never_set_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wave(0))
    assert "promises 0 bytes of samples, though 32000 more follow" in str(examine(path).problem)
    # set once, early in a recording that went on
    path.write_bytes(wave(4_000))
    assert "promises 4000 bytes of samples, though 28000 more follow" in str(examine(path).problem)
    path.write_bytes(wave(0, after=b"", samples=0))
    assert examine(path).problem == "it holds no samples"
    # chunks behind the samples, and zeros that fill a block of a disk, are no samples
    for after in (b"LIST" + struct.pack("<I", 40_000) + bytes(40_000), bytes(50_000)):
        path.write_bytes(wave(2 * RATE, after=after))
        assert examine(path).duration == 1.0


def test_a_chunk_without_its_padding_byte_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wave(2 * RATE, before=b"LIST" + struct.pack("<I", 13) + b"INFOISFT\1\0\0\0L"))
    assert "the chunk LIST has an odd size of 13 bytes and no padding byte" in str(examine(path).problem)


def test_endless_headers_end(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF\xff\xff\xff\xffWAVE" + (b"junk" + bytes(4)) * 200_000)
    assert examine(path).problem == "it is truncated: the header ends before the samples"


def header_only(samples: int, rate: int) -> bytes:
    """A FLAC file of 30 bytes of header, whose 36 bits of length and 20 of rate are as given."""
    info = (
        struct.pack(">HH6x", 4_096, 4_096) + (rate << 44 | 0 << 41 | 15 << 36 | samples).to_bytes(8, "big") + bytes(16)
    )
    return b"fLaC\x80\x00\x00\x22" + info


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (header_only((1 << 36) - 1, RATE), "it is longer than 9.3 hours, the most at 16,000 Hz"),
        (header_only((1 << 36) - 1, 48_000), "it is longer than 3.1 hours"),
        (header_only(32_000, RATE), "it is truncated: 32000 samples promised, 0 found"),
        (wave(10, samples=5).replace(struct.pack("<II", RATE, 2 * RATE), struct.pack("<II", 1, 2)), "is 1 Hz, not"),
        (wave(10, samples=5).replace(struct.pack("<I", RATE), struct.pack("<I", 2**31 - 1)), "2,147,483,647 Hz, not"),
        (
            b"\x00\x00\x00\x20ftypM4A " + bytes(99),
            "it is MP4 (m4a, mp4, mov, 3gp), which is not decoded without ffmpeg",
        ),
        (b"\x1a\x45\xdf\xa3" + bytes(99), "it is Matroska or WebM, which is not decoded without ffmpeg"),
        (b"#!AMR\n" + bytes(99), "it is AMR, which"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(99), "it is Windows Media (wma, wmv), which"),
    ],
)
def test_what_no_recording_is_gets_a_reason_at_once(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    facts = examine(path)
    assert problem in str(facts.problem)
    assert facts.duration is None


def test_the_list_of_formats_is_that_of_the_reader(tmp_path: Path) -> None:
    assert set(DECODED) <= set(soundfile.available_formats())
    for format in DECODED:
        path = tmp_path / f"a{DECODED[format][0]}"
        soundfile.write(path, NOISE, 48_000 if format == "OGG" else RATE, format=format)
        assert examine(path).problem is None, format
    soundfile.write(tmp_path / "a.mat", NOISE, RATE, format="MAT5")
    assert examine(tmp_path / "a.mat").problem == "it is of the format MAT5, which is not read as a recording"
    assert not set(AUDIO_SUFFIXES) & set(FOREIGN_SUFFIXES)


def test_recordings_that_are_not_seekable_are_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, NOISE[:8_000], 8_000, subtype="GSM610")
    assert examine(path).duration == pytest.approx(1.0, abs=0.05)
    # as `ffmpeg -f flac -` writes it: 0 samples in all
    flac = bytearray(encoded(path, "FLAC", "PCM_16"))
    flac[21] &= 0xF0
    flac[22:26] = bytes(4)
    path.write_bytes(flac)
    assert examine(path).duration == 1.0
    path.write_bytes(flac[: len(flac) // 2])
    cut = examine(path)
    assert cut.duration == pytest.approx(0.5, abs=0.3)
    assert "what follows is damaged or missing" in cut.remarks[0]
