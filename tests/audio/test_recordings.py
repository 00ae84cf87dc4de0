"""The audio of a manifest's rows, and the hash by which it is known."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.sounds import RATE, speech_like
from vibespeaker.audio.inspection import examine_all
from vibespeaker.audio.recordings import Recordings
from vibespeaker.errors import AudioError
from vibespeaker.files import file_sha256
from vibespeaker.manifest import Manifest, ManifestMetadata, build
from vibespeaker.utterance import WHOLE, Excerpt

EXCERPTS = [WHOLE, Excerpt(channel=2), Excerpt(0.25, 0.5), Excerpt(0.25, 0.5, 1)]


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    soundfile.write(tmp_path / "a.wav", np.stack([speech_like(1.0), speech_like(1.0, 1)], axis=1), RATE)
    facts = examine_all([tmp_path / "a.wav"] * 4, EXCERPTS, tmp_path / "journal")
    names = [f"c/a{row}" for row in range(4)]
    columns = {
        "utterance_id": names,
        **{name: ["c"] * 4 for name in ("corpus", "speaker", "language")},
        **{name: ["a.wav"] * 4 for name in ("audio", "file_name")},
        **{name: [getattr(one, name) for one in EXCERPTS] for name in ("start", "end", "channel")},
        **{name: [getattr(one, name) for one in facts] for name in ("duration", "recording_sha256")},
        "audio_sha256": [one.sha256 for one in facts],
    }
    return build(columns, ManifestMetadata(str(tmp_path), "challenge"))


def test_each_row_is_its_own_excerpt(manifest: Manifest) -> None:
    recordings, hashes = Recordings(manifest), manifest.column("audio_sha256")
    whole = file_sha256(manifest.root / "a.wav")
    assert hashes[0] == whole
    assert len(set(hashes)) == 4
    assert manifest.column("recording_sha256") == [whole] * 4
    assert manifest.column("duration") == [1.0, 1.0, 0.25, 0.25]
    heard = [recordings.read(row, hashes[row]) for row in range(4)]
    assert [len(samples) for samples in heard] == [RATE, RATE, RATE // 4, RATE // 4]
    # the mean, the second, a stretch of the mean, and of the first
    np.testing.assert_allclose(heard[0][4_000:8_000], heard[2], atol=1e-6)
    np.testing.assert_allclose(2 * heard[0] - heard[1], speech_like(1.0), atol=1e-4)
    np.testing.assert_allclose(heard[3], speech_like(1.0)[4_000:8_000], atol=1e-4)


def test_a_file_that_changed_is_refused(manifest: Manifest) -> None:
    recordings, digest = Recordings(manifest), manifest.column("audio_sha256")[1]
    assert len(recordings.read(1, digest))
    soundfile.write(manifest.root / "a.wav", np.stack([speech_like(0.9)] * 2, axis=1), RATE)
    with pytest.raises(AudioError, match=r"a\.wav changed since the manifest was made"):
        recordings.read(1, digest)


def test_equal_positions_have_equal_hashes() -> None:
    digest = "0" * 64
    assert Excerpt(0.0, None).content_sha256(digest) == digest
    assert Excerpt(1.0, 2.0).content_sha256(digest) == Excerpt(1.000001, 2.0).content_sha256(digest)
    hashes = {one.content_sha256(digest) for one in (WHOLE, Excerpt(1.0), Excerpt(0.0, 1.0), Excerpt(1.0, 1.0, 1))}
    assert len(hashes) == 4
