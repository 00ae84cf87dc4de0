"""MP3 streams with and without the number of their frames."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from vibespeaker.audio.files import examine, read_audio
from vibespeaker.audio.mp3 import DECODER_DELAY, find_frames

RATE = 16_000
FRAME = 576


def speech_like(seconds: float = 2.0) -> np.ndarray:
    """Loud noise and silence in turn, so that a variable rate varies."""
    noise = np.random.default_rng(0).normal(scale=0.2, size=round(RATE * seconds)).clip(-1, 1)
    return noise * (np.arange(len(noise)) // 4_000 % 2)


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A variable-rate stream with the frame that tells the number of frames."""
    path = tmp_path_factory.mktemp("mp3") / "a.mp3"
    options = {"bitrate_mode": "VARIABLE", "compression_level": 0.3}
    soundfile.write(path, speech_like(), RATE, format="MP3", **options)
    return path.read_bytes()


def without_number(stream: bytes) -> bytes:
    return stream[find_frames(stream).spans[0][0] :]


def test_frames_are_counted(stream: bytes) -> None:
    frames = find_frames(stream)
    assert frames.promised == frames.count
    assert frames.samples == frames.count * FRAME
    bare = find_frames(without_number(stream))
    assert (bare.promised, bare.count) == (None, frames.count)
    tagged = find_frames(b"ID3\4\0\0\0\0\0\x0b" + bytes(11) + stream + b"TAG" + bytes(125))
    assert (tagged.count, tagged.promised, tagged.is_cut) == (frames.count, frames.promised, False)


def test_a_stream_is_read_to_its_end_whatever_its_header_tells(stream: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(stream)
    told = read_audio(path)
    assert len(told) == 2 * RATE
    path.write_bytes(without_number(stream))
    untold = read_audio(path)
    assert len(untold) == find_frames(stream).samples - DECODER_DELAY
    # the encoder's delay, one frame, stands before the same sound
    np.testing.assert_allclose(untold[FRAME : FRAME + len(told)], told, atol=1e-3)
    assert examine(path).remarks == ()
    # two files, one behind the other
    path.write_bytes(stream + without_number(stream))
    facts = examine(path)
    assert facts.duration == pytest.approx(4.0, abs=0.2)
    assert "all are read" in facts.remarks[0]


def test_a_stream_that_is_cut(stream: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(stream[: len(stream) // 2])
    assert f"{find_frames(stream).promised} frames of MP3 promised" in str(examine(path).problem)
    path.write_bytes(without_number(stream)[: len(stream) // 2])
    facts = examine(path)
    assert facts.duration == pytest.approx(1.0, abs=0.2)
    assert facts.remarks == ("it ends within a frame of MP3 and may be cut short",)


def test_bytes_that_belong_to_no_frame_are_passed_over(stream: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    bare = without_number(stream)
    spans = find_frames(bare).spans
    assert spans == ((0, len(bare)),)
    middle = len(bare[: len(bare) // 2]) - 0
    found = find_frames(bare)
    # between two frames: where the stream of the first half ends
    first = find_frames(bare[:middle]).spans[0][1]
    path.write_bytes(bare[:first] + bytes(5_000) + bare[first:])
    assert find_frames(path.read_bytes()).count == found.count
    assert examine(path).duration == pytest.approx((found.samples - DECODER_DELAY) / RATE, abs=0.1)


def test_a_flood_of_false_starts_ends() -> None:
    assert find_frames(b"\xff" * 3_000_000).count == 0
