"""The policy for awkward labels, and the targets it makes."""

import numpy as np
import pytest

from tests.manifests import manifest_from
from tests.toy import toy_manifest
from vibespeaker.batch import NO_CATEGORY
from vibespeaker.data.targets import make_targets, vote_distributions
from vibespeaker.errors import ConfigError
from vibespeaker.labels import CHALLENGE, CHALLENGE_OTHER, EMODB
from vibespeaker.labels.policy import LabelPolicy
from vibespeaker.manifest import Manifest


def _manifest(categories: list[str | None], votes: list[list[str | None]], arousal: list[float | None]) -> Manifest:
    columns = {
        "category": categories,
        "votes": [[{"primary": primary} for primary in raters] for raters in votes],
        "arousal": arousal,
        "valence": arousal,
        "dominance": arousal,
    }
    return manifest_from(columns)


#: Anger, X, O, one without any label, and one with attributes only.
AWKWARD = _manifest(
    ["anger", "no_agreement", "other", None, None],
    [["anger", "anger", "sadness"], ["fear", "neutral"], ["other", "fear", None], [], []],
    [6.0, 5.0, 4.0, None, 2.0],
)
ANGER, FEAR, NEUTRAL = (CHALLENGE.index(emotion) for emotion in ("anger", "fear", "neutral"))


def test_votes_are_shares_among_listed_classes() -> None:
    votes = vote_distributions(AWKWARD, CHALLENGE)
    np.testing.assert_allclose(votes[0], [2 / 3, 1 / 3, 0, 0, 0, 0, 0, 0], atol=1e-7)
    assert votes[1, FEAR] == votes[1, NEUTRAL] == 0.5
    assert votes[2, FEAR] == 1.0  # O is no class of this set, null is no vote
    assert np.isnan(votes[3]).all()
    assert vote_distributions(AWKWARD, CHALLENGE_OTHER)[2, 8] == 0.5


def test_default_policy_excludes_x_and_o() -> None:
    targets = make_targets(AWKWARD, CHALLENGE, LabelPolicy())
    assert targets.category.tolist() == [ANGER, *[NO_CATEGORY] * 4]
    assert targets.usable.tolist() == [True, False, False, False, True]
    assert targets.attributes[0].tolist() == [6.0, 6.0, 6.0]
    assert targets.class_counts(8).tolist() == [1, *[0] * 7]


def test_attributes_policy_keeps_attributes_only() -> None:
    targets = make_targets(AWKWARD, CHALLENGE, LabelPolicy(no_agreement="attributes", other="attributes"))
    assert targets.usable.tolist() == [True, True, True, False, True]
    assert np.isnan(targets.votes[1:]).all()
    assert targets.attributes[1:3, 0].tolist() == [5.0, 4.0]
    assert (targets.category[1:] == NO_CATEGORY).all()


def test_soft_policy_keeps_votes() -> None:
    targets = make_targets(AWKWARD, CHALLENGE, LabelPolicy(no_agreement="soft", other="soft"))
    assert targets.usable.tolist() == [True, True, True, False, True]
    assert targets.votes[1, FEAR] == 0.5
    assert targets.category[1] == NO_CATEGORY


def test_class_policy_makes_a_ninth_class() -> None:
    targets = make_targets(AWKWARD, CHALLENGE_OTHER, LabelPolicy(other="class"))
    assert targets.category[2] == 8
    assert targets.class_counts(9)[8] == 1


def test_a_class_that_the_label_set_lacks_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"makes a class of 'other', which label set 'challenge' lacks.*challenge\+other"
    ):
        make_targets(AWKWARD, CHALLENGE, LabelPolicy(other="class"))


def test_categories_outside_the_label_set_are_refused_or_dropped() -> None:
    with pytest.raises(ConfigError, match=r"categories that label set 'emodb' does not list.*Found: contempt"):
        make_targets(toy_manifest({"train": 16}), EMODB, LabelPolicy())
    kept = make_targets(toy_manifest({"train": 16}), EMODB, LabelPolicy(unlisted="attributes"))
    assert kept.usable.all()
    dropped = make_targets(toy_manifest({"train": 16}), EMODB, LabelPolicy(unlisted="exclude"))
    assert (dropped.usable == (dropped.category != NO_CATEGORY)).all()
    assert dropped.usable.sum() == 12  # contempt and surprise are not listed
