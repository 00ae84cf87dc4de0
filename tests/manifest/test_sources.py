from vibespeaker.manifest.sources import Source, sources


def test_licences_of_one_corpus_and_of_combined_ones():
    step = {"step": "prepare", "format": "ravdess", "licence": "CC BY-NC-SA 4.0", "citation": "Livingstone 2018"}
    ravdess = Source("ravdess", "CC BY-NC-SA 4.0", "Livingstone 2018")
    assert sources([step, {"step": "split"}], ["ravdess"]) == {"ravdess": ravdess}
    combined = {"step": "combine", "inputs": [{"corpora": ["ravdess"], "history": [step]}, {"corpora": ["own"]}]}
    own = Source("own", "not stated", "not stated")
    assert sources([combined], ["ravdess", "own"]) == {"ravdess": ravdess, "own": own}
