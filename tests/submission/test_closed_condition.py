"""The closed-condition guard along provenance chains."""

import json

import pytest

from vibespeaker.submission.closed_condition import judge


def encoder(checkpoint, kind="SpeechEncoder"):
    return {"class_path": f"vibespeaker.encoders.{kind}", "init_args": {"checkpoint": checkpoint}}


SOURCE_SYSTEM = {
    "corpora": ["msp-podcast"],
    "encoders": {
        "whisper": encoder("openai/whisper-large-v3", "WhisperEncoder"),
        "wavlm": encoder("microsoft/wavlm-large"),
        "roberta": encoder("FacebookAI/roberta-large", "TextEncoder"),
    },
    "transcripts": ["human", "asr:openai/whisper-large-v3@0123abcd"],
}


def reasons(answer):
    return "; ".join(map(str, answer.deciding))


def with_(**changes):
    return {**SOURCE_SYSTEM, **changes}


def test_the_published_system_keeps_it():
    assert judge(SOURCE_SYSTEM).kept is True


def test_an_encoder_whose_frames_are_thinned_out_is_judged_by_its_own_checkpoint():
    def thinned(spec):
        return {"class_path": "vibespeaker.encoders.Reduced", "init_args": {"encoder": spec, "stride": 4}}

    encoders = {name: thinned(spec) for name, spec in SOURCE_SYSTEM["encoders"].items()}
    assert judge(with_(encoders=encoders)).kept is True
    emotional = thinned(encoder("audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim"))
    assert judge(with_(encoders={"w": emotional})).kept is False
    # no transcript is asked for where nothing reads
    hearing = {"w": thinned(encoder("microsoft/wavlm-large"))}
    assert judge({k: v for k, v in with_(encoders=hearing).items() if k != "transcripts"}).kept is True


@pytest.mark.parametrize(
    ("provenance", "reason"),
    [
        (with_(corpora=["msp-podcast", "iemocap"]), "corpus iemocap: trained on a corpus outside the challenge"),
        (
            with_(encoders={"w": encoder("audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim")}),
            "tuned for emotion by its name",
        ),
        (
            with_(encoders={"r": encoder("j-hartmann/emotion-english-distilroberta-base", "TextEncoder")}),
            "tuned for emotion",
        ),
        (with_(transcripts=["asr:firdhokk/speech-emotion-recognition-whisper@1"]), "tuned for emotion"),
    ],
)
def test_outside_data_and_emotion_models_break_it(provenance, reason):
    answer = judge(provenance)
    assert answer.kept is False
    assert reason in reasons(answer)


@pytest.mark.parametrize(
    ("provenance", "reason"),
    [
        ({}, "corpora: not recorded"),
        ({k: v for k, v in SOURCE_SYSTEM.items() if k != "transcripts"}, "transcripts: not recorded"),
        (with_(encoders={"mine": encoder("models/my-own")}), "models/my-own is not among the known generic models"),
        (with_(encoders={"mine": {"class_path": "x.Y"}}), "its checkpoint is not recorded"),
        (with_(transcripts=["typed"]), "unknown origin"),
    ],
)
def test_what_is_not_known_stays_undecided(provenance, reason):
    answer = judge(provenance)
    assert (answer.kept, answer.verdict) == (None, "undecided")
    assert reason in reasons(answer)


def test_systems_that_only_hear_need_no_transcripts():
    assert judge({"corpora": ["msp-podcast"], "encoders": {"w": encoder("microsoft/wavlm-base-plus")}}).kept is True


def test_a_folder_is_judged_by_its_labels(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {"0": "ang", "1": "happy", "2": "sad"}}))
    answer = judge(with_(encoders={"w": encoder(str(tmp_path))}))
    assert answer.kept is False
    assert "tuned to classify happy, sad" in reasons(answer)


def test_generic_labels_in_a_folder_do_not_break_it(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}))
    assert judge(with_(encoders={"w": encoder(str(tmp_path))})).kept is None


@pytest.mark.parametrize(
    ("name", "tuned"),
    [
        ("superb/wav2vec2-base-superb-er", True),
        ("emo2vec", True),
        ("tae898/emoberta-base", True),
        ("someone/wavlm-large-SER", True),
        ("someone/memory-large", False),
        ("someone/demo-server", False),
        ("someone/serious-melded", False),
    ],
)
def test_names_that_tell_of_emotion(name, tuned):
    assert judge(with_(encoders={"w": encoder(name)})).kept is (False if tuned else None)


def test_only_a_folder_s_own_name_counts_not_where_it_lies(tmp_path):
    (tmp_path / "emotion" / "whisper").mkdir(parents=True)
    (tmp_path / "whisper-emotion").mkdir()
    assert judge(with_(encoders={"w": encoder(str(tmp_path / "emotion" / "whisper"))})).kept is None
    assert judge(with_(encoders={"w": encoder(str(tmp_path / "whisper-emotion"))})).kept is False


def test_one_member_breaks_the_ensemble():
    members = [
        {"path": "a.parquet", "provenance": SOURCE_SYSTEM},
        {"path": "b.parquet", "provenance": with_(corpora=["meld"])},
    ]
    answer = judge({"ensemble": {"members": members}}, "mean of two")
    assert answer.kept is False
    assert "mean of two, member b.parquet, corpus meld" in reasons(answer)
    assert "a.parquet" not in reasons(answer)


def test_a_challenge_file_among_the_members_is_undecided():
    members = [{"path": "a.parquet", "provenance": SOURCE_SYSTEM}, {"path": "baseline.csv", "kind": "challenge-csv"}]
    assert judge({"ensemble": {"members": members}}).kept is None


def test_embedded_encoders_keep_it_and_need_no_transcripts_where_all_hear():
    """The embedded default: nothing in it is learned from other data."""
    kinds = ("AcousticFunctionals", "Rocket", "AcousticDescriptors", "LogMels")
    encoders = {kind: {"class_path": f"vibespeaker.encoders.{kind}", "init_args": {}} for kind in kinds}
    assert judge({"corpora": ["msp-podcast"], "encoders": encoders}).kept is True
    words = {"words": {"class_path": "vibespeaker.encoders.HashedText", "init_args": {"dim": 256}, "modality": "text"}}
    assert reasons(judge({"corpora": ["msp-podcast"], "encoders": words})) == "system, transcripts: not recorded"
    foreign = {"x": {"class_path": "someone.Encoder", "init_args": {}, "modality": "audio"}}
    assert judge({"corpora": ["msp-podcast"], "encoders": foreign}).kept is None


def test_a_folder_is_known_by_its_weights_or_by_the_user_s_word(tmp_path):
    folder = {**encoder(str(tmp_path)), "modality": "audio", "fingerprint": {"weights": "ab" * 32}}
    hub = {**encoder("microsoft/wavlm-large"), "modality": "audio", "fingerprint": {"weights": "ab" * 32}}
    alone, both = with_(encoders={"w": folder}), with_(encoders={"w": folder, "v": hub})
    assert judge(alone).kept is None
    assert judge(both).kept is True
    assert any("has the weights of microsoft/wavlm-large" in str(one) for one in judge(both).findings)
    answer = judge(alone, declared={f"{tmp_path}/.": "microsoft/wavlm-large"})
    assert answer.kept is True
    assert any("is declared to be microsoft/wavlm-large" in str(one) for one in answer.findings)
    assert judge(alone, declared={str(tmp_path): "superb/hubert-base-superb-er"}).kept is False
    assert judge(alone, declared={str(tmp_path): "models/unheard-of"}).kept is None


def test_the_answer_is_one_short_line():
    assert str(judge(SOURCE_SYSTEM)) == "closed condition kept"
    assert str(judge(with_(transcripts=["typed"]))) == "closed condition undecided by 1 of 5 ingredients"


def test_a_declared_baseline_file_keeps_it():
    members = [{"path": "a.parquet", "provenance": SOURCE_SYSTEM}, {"path": "baseline.csv", "kind": "challenge-csv"}]
    assert judge({"ensemble": {"members": members}}, declared={"baseline.csv": "microsoft/wavlm-large"}).kept is True
