"""`vibespeaker stats`: tables of counts, and pictures of what a cache holds."""

import csv

import pytest
import soundfile

from tests.manifests import counted, manifest_of
from tests.prepare.test_stats import MINIATURE
from tests.sounds import RATE, speech_like
from vibespeaker.cli.main import main
from vibespeaker.errors import ManifestError
from vibespeaker.extract import extract
from vibespeaker.files import file_sha256
from vibespeaker.workflows.description.command import stats


def test_the_command_writes_tables_and_a_picture(tmp_path, capsys):
    paths = []
    for corpus in ("savee", "ravdess"):
        paths.append(str(tmp_path / f"{corpus}.parquet"))
        counted(corpus, MINIATURE[corpus], speakers=4).write(tmp_path / f"{corpus}.parquet")
    out = tmp_path / "stats"
    assert main(["stats", *paths, "--labels", "corpora/seven", "--protocol", "source", "--out", str(out)]) == 0
    assert "train" in capsys.readouterr().out
    assert (out / "counts.csv").read_text().startswith("part,corpus")
    assert "protocol leaks" in (out / "counts.md").read_text()
    first = (out / "counts.svg").read_bytes()
    assert first.startswith(b"<?xml")
    assert main(["stats", *paths[::-1], "--labels", "corpora/seven", "--protocol", "source", "--out", str(out)]) == 0
    assert (out / "counts.svg").read_bytes() == first


def test_several_manifests_need_a_label_map(tmp_path):
    path = tmp_path / "a.parquet"
    manifest_of([{}]).write(path)
    with pytest.raises(ManifestError, match="several manifests need a label map"):
        stats([path, path])


EMOTIONS = ("anger", "calm")


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    """Four loud and four soft clips of two speakers, whose features are cached, and their pictures."""
    folder = tmp_path_factory.mktemp("described")
    rows = []
    for number in range(8):
        emotion = EMOTIONS[number % 2]
        path = folder / f"{number}.wav"
        loudness = 1.0 if emotion == "anger" else 0.05
        soundfile.write(path, loudness * speech_like(0.8 + 0.1 * number, seed=number), RATE)
        rows.append({"name": str(number), "category": emotion, "speaker": f"toy/{number % 4 // 2}"})
        rows[-1]["audio_sha256"] = file_sha256(path)
    manifest = folder / "manifest.parquet"
    manifest_of(rows, root=str(folder)).write(manifest)
    encoders = folder / "means.yaml"
    encoders.write_text("means: {class_path: HandcraftedMeans}", encoding="utf-8")
    assert extract(manifest, encoders, folder / "cache", dtype="float32", device="cpu", workers=0) == 0
    out = folder / "out"
    assert main(["stats", str(manifest), "--features", str(folder / "cache"), "--out", str(out)]) == 0
    return manifest, folder / "cache", out


def test_every_feature_has_its_effect_sizes(described):
    _, _, out = described
    rows = list(csv.DictReader((out / "features.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 94
    by_name = {row["feature"]: row for row in rows}
    loudness = by_name["MFCC 1"]  # the loud ones are the angry ones, whoever speaks
    assert float(loudness["variance.emotion"]) > 0.8
    assert float(loudness["variance.speaker"]) < 0.2
    assert float(loudness["g.anger"]) == pytest.approx(-float(loudness["g.calm"]))
    assert float(loudness["g.anger"]) > 2
    assert loudness["variance.corpus"] == ""
    shares = [float(row["variance.emotion"]) for row in rows if row["variance.emotion"]]
    assert shares == sorted(shares, reverse=True)


def test_pictures_are_drawn_and_the_same_input_gives_the_same_bytes(described):
    manifest, cache, out = described
    names = ("features-means.svg", "map-means.svg", "blocks.svg")
    before = {name: (out / name).read_bytes() for name in names}
    assert all(content.startswith(b"<?xml") for content in before.values())
    assert main(["stats", str(manifest), "--features", str(cache), "--out", str(out)]) == 0
    assert {name: (out / name).read_bytes() for name in names} == before


def test_features_are_drawn_by_name(described, tmp_path, capsys):
    manifest, cache, _ = described
    words = ["stats", str(manifest), "--features", str(cache), "--out", str(tmp_path)]
    assert main([*words, "--show=[MFCC 2]", "--projection", "t-sne"]) == 0
    assert main([*words, "--show=[MFFC 2]"]) == 2
    assert "MFCC 2" in capsys.readouterr().err


def test_pictures_need_a_folder_and_features_a_cache(described, capsys):
    manifest, cache, _ = described
    assert main(["stats", str(manifest), "--features", str(cache)]) == 2
    assert "--out" in capsys.readouterr().err
    assert main(["stats", str(manifest), "--show=[pitch]"]) == 2
    assert "--features" in capsys.readouterr().err
