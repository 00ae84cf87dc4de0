"""What a run is recorded to have learned from: its own data, and what the runs that it begins from had."""

from vibespeaker.provenance import Provenance

OWN = Provenance("challenge", ("anger",), corpora=("msp-podcast",), transcripts=("human",))


def test_what_earlier_runs_learned_from_counts_too():
    earlier = Provenance("x", ("anger",), corpora=("ravdess", "msp-podcast"), trained_heads=("attributes",))
    encoder = Provenance("x", ("anger",), corpora=("crema-d",), transcripts=("asr:whisper",))
    trained = OWN.trained(["categories"], earlier, [encoder])
    assert trained.corpora == ("msp-podcast", "ravdess", "crema-d")
    assert trained.transcripts == ("human", "asr:whisper")
    assert trained.trained_heads == ("attributes", "categories")
    assert trained.label_set == "challenge"


def test_a_run_that_begins_anew_has_its_own_data_alone():
    trained = OWN.trained(["categories"], None)
    assert (trained.corpora, trained.transcripts, trained.trained_heads) == (
        OWN.corpora,
        OWN.transcripts,
        ("categories",),
    )
