import numpy as np
import pytest

from tests.manifests import manifest_of
from vibespeaker.audio.fingerprint import NEAR, comparable, fingerprint
from vibespeaker.cli.main import main
from vibespeaker.errors import ConfigError
from vibespeaker.prepare import near_duplicates as near_audio
from vibespeaker.prepare.leaks import COLUMNS, find_leaks, rows_by_split
from vibespeaker.prepare.near_duplicates import audio_fingerprints, near_pairs, near_pairs_within


def sound(seed: int, seconds: float = 1.0) -> np.ndarray:
    """A made-up voice: noise whose bands come and go."""
    random = np.random.default_rng(seed)
    time = np.arange(round(16_000 * seconds)) / 16_000
    tones = random.uniform(150, 1500, 6)
    levels = np.stack([np.interp(time, np.linspace(0, seconds, 8), random.uniform(0, 1, 8) ** 3) for _ in tones])
    return (levels * np.sin(2 * np.pi * tones[:, None] * time)).sum(0).astype(np.float32) / 6


def row(split: str, seed: int, **fields):
    return {"split": split, "fingerprint": fingerprint(sound(seed), 16_000), "duration": 1.0, **fields}


def leaks_in(rows):
    manifest = manifest_of(rows)
    report = find_leaks(manifest, rows_by_split(manifest.column("split")))
    return {(leak.kind, leak.splits): leak.count for leak in report.leaks}, report


def test_a_clean_split_has_no_leaks_and_its_sentences_are_reported():
    rows = [row("train", 1, sentence="s"), row("test", 2, sentence="s"), row("development", 3)]
    found, report = leaks_in(rows)
    assert found == {}
    assert [str(leak) for leak in report.sentences] == ["1 sentences in both train and test (s)"]


def test_every_kind_is_found_between_the_splits_that_share_it():
    rows = [
        row("train", 1, speaker="a"),
        row("test", 2, speaker="a"),
        row("train", 3, audio_sha256="x", fingerprint=None),
        row("development", 4, audio_sha256="x", fingerprint=None),
        row("development", 5, take="t"),
        row("test", 6, take="t"),
        row("train", 7, speaker="b"),
        row("train", 8, speaker="b"),
    ]
    found, report = leaks_in(rows)
    assert found == {
        ("speaker", ("train", "test")): 1,
        ("audio", ("train", "development")): 1,
        ("take", ("development", "test")): 1,
    }
    assert report.by_kind()["audio"] == "1 identical recordings in both train and development (toy/00002 = toy/00003)"


def test_louder_and_noisier_copies_are_near_identical_and_other_recordings_are_not():
    samples = sound(1)
    noisy = 2 * samples + np.random.default_rng(0).normal(0, 0.02, len(samples)).astype(np.float32)
    copy = {"split": "test", "fingerprint": fingerprint(noisy, 16_000), "duration": 1.0}
    found, report = leaks_in([row("train", 1), *(row("train", seed) for seed in range(2, 20)), copy])
    assert found == {("near-audio", ("train", "test")): 1}
    assert report.leaks[0].examples == ("toy/00000 ~ toy/00019",)


def test_a_picture_alone_does_not_make_a_copy_of_another_duration():
    found, _ = leaks_in([row("train", 1), row("test", 1, duration=1.2)])
    assert found == {}


def test_identical_files_are_not_counted_twice():
    found, _ = leaks_in([row("train", 1, audio_sha256="x"), row("test", 1, audio_sha256="x")])
    assert found == {("audio", ("train", "test")): 1}


def test_the_search_finds_exactly_what_comparing_each_with_each_finds(monkeypatch):
    monkeypatch.setattr(near_audio, "_ASKED_AT_ONCE", 7)
    monkeypatch.setattr(near_audio, "_CANDIDATES_AT_ONCE", 11)
    monkeypatch.setattr(near_audio, "_PAIRS_AT_ONCE", 5)
    random = np.random.default_rng(0)
    bases = [np.frombuffer(fingerprint(sound(seed), 16_000), np.uint8).astype(int) for seed in range(20)]
    rows = []
    for number in range(120):
        # some within, some around and some beyond what counts as near
        blurred = bases[number % 20] + random.normal(0, 2 + 12 * random.random(), len(bases[0]))
        picture = np.clip(blurred, 0, 255).astype(np.uint8).tobytes()
        seconds = 1 + 0.05 * random.random()
        rows.append({"split": "train" if number < 70 else "test", "fingerprint": picture, "duration": seconds})
    manifest = manifest_of(rows)
    splits = rows_by_split(manifest.column("split"))
    vectors = comparable(manifest.column("fingerprint"))
    seconds = np.array(manifest.column("duration"))
    near = (1 - vectors @ vectors.T < NEAR) & (np.abs(seconds[:, None] - seconds) <= near_audio.SAME_DURATION)
    expected = [(a, b) for a in splits["test"] for b in splits["train"] if near[a, b]]
    assert 10 < len(expected) < 200
    everything = audio_fingerprints(manifest)
    found = near_pairs(everything.take(splits["test"]), everything.take(splits["train"]))
    assert [tuple(pair) for pair in found.tolist()] == sorted(expected)
    within = [frozenset(pair) for pair in near_pairs_within(everything).tolist()]
    every = {frozenset(pair) for pair in np.argwhere(near).tolist() if pair[0] != pair[1]}
    assert len(within) == len(every)
    assert set(within) == every


def test_silence_and_missing_fingerprints_are_near_to_nothing():
    silent = bytes(len(fingerprint(sound(1), 16_000)))
    found, report = leaks_in([row("train", 1, fingerprint=silent), row("test", 1, fingerprint=silent)])
    assert found == {}
    assert "near-audio" in report.unchecked


def test_refusing_names_the_kinds_and_how_to_overlook_them():
    _, report = leaks_in([row("train", 1, speaker="a", take="t"), row("test", 2, speaker="a", take="t")])
    with pytest.raises(ConfigError, match=r"allow_leaks: \[take\]"):
        report.refuse(["speaker"], "M")
    assert set(report.refuse(["speaker", "take"], "M")) == {"speaker", "take"}
    with pytest.raises(ConfigError, match="names no kind of leak"):
        report.refuse(["speakers"], "M")


def test_the_command_fails_on_a_leak_and_names_it(tmp_path, capsys):
    path = tmp_path / "m.parquet"
    manifest_of([row("train", 1, speaker="a"), row("test", 2, speaker="a")]).write(path)
    assert main(["check", str(path)]) == 1
    assert "speaker" in capsys.readouterr().out
    manifest_of([row("train", 1), row("test", 2)]).write(path)
    assert main(["check", str(path)]) == 0
    assert "no leak between train, test" in capsys.readouterr().out
    manifest_of([row("train", 1)]).write(path)
    assert main(["check", str(path)]) == 2


def test_columns_that_the_check_reads_are_in_every_manifest():
    assert set(COLUMNS) <= set(manifest_of([{}]).table.schema.names)


def test_the_duplicate_of_ravdess_is_found_in_the_real_corpus(shared_data, tmp_path):
    from vibespeaker.corpora import adapter
    from vibespeaker.prepare.prepare import prepare_corpus

    made = prepare_corpus(adapter("ravdess"), shared_data / "ravdess" / "Actor_07", tmp_path / "journal").manifest
    names = made.column("file_name")
    split = ["test" if name.startswith("03-01-03-01-02-02-07") else "train" for name in names]
    manifest = made.with_columns({"split": split})
    report = find_leaks(manifest, rows_by_split(split))
    assert {leak.kind for leak in report.leaks} == {"speaker", "audio", "take"}


def test_segments_of_one_recording_are_one_recording():
    rows = [
        row("train", 1, recording_sha256="r", audio_sha256="x"),
        row("test", 2, recording_sha256="r", audio_sha256="y"),
        # of a manifest older than segments
        row("train", 3, audio_sha256="z"),
        row("development", 4, audio_sha256="z"),
    ]
    assert leaks_in(rows)[0] == {("audio", ("train", "test")): 1, ("audio", ("train", "development")): 1}
