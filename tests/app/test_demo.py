"""The demo's model: built once, on this machine, named as synthetic, and nothing else is left."""

import pytest

from tests.sounds import RATE, speech_like
from vibespeaker import Recognizer
from vibespeaker.app import demo
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.transcribe.base import Transcript


@pytest.mark.slow
def test_the_demo_is_built_once_and_fills_every_panel(tmp_path, capsys):
    file = demo.demo_model(tmp_path, speakers=6, utterances=80, epochs=1)
    assert [path.name for path in tmp_path.iterdir()] == [file.parent.name]
    assert {path.name for path in file.parent.iterdir()} == {"fusion.yaml", "words", "attributes"}
    assert not capsys.readouterr().out  # scores on generated speech
    card = (file.parent / "attributes" / "README.md").read_text()
    assert "SYNTHETIC" in card
    assert "Texas" not in card
    before = file.stat().st_mtime_ns
    assert demo.demo_model(tmp_path, speakers=6, utterances=80, epochs=1) == file
    assert file.stat().st_mtime_ns == before

    recognizer = Recognizer(file, {None: lambda samples: Transcript("i love this so much")})
    answer = recognizer(speech_like(2.0), rate=RATE)
    assert set(answer.attributes) == set(ATTRIBUTES)
    told = {name for name, member in answer.members.items() if member.probabilities is not None}
    assert told == {"voice", "words"}
    assert {name: round(member.share, 2) for name, member in answer.members.items() if member.share} == {
        "voice": 0.4,
        "words": 0.6,
    }
    assert recognizer.provenance.synthetic


def test_of_two_that_build_it_the_quicker_ones_stays(tmp_path):
    made, folder = tmp_path / "made", tmp_path / "demo"
    for place, said in ((made, "slower"), (folder, "quicker")):
        place.mkdir()
        (place / demo.FUSION).write_text(said)
    demo._keep(made, folder)
    assert (folder / demo.FUSION).read_text() == "quicker"
    (folder / demo.FUSION).rename(folder / "something else")
    with pytest.raises(OSError, match="not empty"):
        demo._keep(made, folder)


def test_the_demo_lies_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert demo.user_cache() == tmp_path / "vibespeaker"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # which the specification ignores
    monkeypatch.setenv("HOME", str(tmp_path))
    assert demo.user_cache() == tmp_path / ".cache" / "vibespeaker"
