from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.manifests import counted, manifest_of
from vibespeaker.cli.main import main
from vibespeaker.errors import ManifestError
from vibespeaker.labels import RAVDESS
from vibespeaker.prepare.balance_plan import BalancePlan, balanced_rows, plan_balance


@given(
    counts=st.dictionaries(st.sampled_from(RAVDESS.classes), st.integers(1, 30), min_size=1),
    target=st.integers(1, 50),
    seed=st.integers(0, 5),
)
def test_every_class_is_shown_as_often_as_wanted_and_views_are_filled_in_turn(counts, target, seed):
    categories = np.array([name for name, number in counts.items() for _ in range(number)], dtype=object)
    rows, views = balanced_rows(categories, RAVDESS, target, seed)
    for name, number in counts.items():
        of_class = categories[rows] == name
        shown = list(zip(rows[of_class].tolist(), views[of_class].tolist(), strict=True))
        assert len(shown) == len(set(shown)) == target
        by_view = Counter(view for _, view in shown)
        # view 2 begins only when every recording has view 1
        assert [by_view[view] for view in range(len(by_view))] == [
            min(number, target - number * view) for view in range(-(-target // number))
        ]


def test_the_plan_does_not_depend_on_the_order_of_rows(tmp_path):
    manifest = counted("toy", {"anger": 9, "fear": 4}, speakers=3)
    order = np.random.default_rng(1).permutation(13).tolist()
    for number, one in enumerate((manifest, manifest.select(order))):
        plan_balance(one, RAVDESS, 6, 0).write(tmp_path / f"{number}.parquet")
    assert (tmp_path / "0.parquet").read_bytes() == (tmp_path / "1.parquet").read_bytes()
    assert plan_balance(manifest, RAVDESS, 6, 1).utterance_ids != plan_balance(manifest, RAVDESS, 6, 0).utterance_ids


def test_the_command_touches_the_training_part_alone_and_tells_what_was_added(tmp_path, capsys):
    rows = [{"category": "anger", "split": "train"}] * 5 + [{"category": "fear", "split": "train"}] * 2
    rows += [{"category": "anger", "split": "test"}] * 9
    path, out = tmp_path / "m.parquet", tmp_path / "plan.parquet"
    manifest_of(rows).write(path)
    assert main(["balance", str(path), "--out", str(out), "--target", "4"]) == 0
    plan = BalancePlan.read(out)
    assert (plan.target, plan.seed, plan.highest_view, len(plan)) == (4, 0, 1, 8)
    assert set(plan.utterance_ids) <= {f"toy/{row:05d}" for row in range(7)}
    shown = capsys.readouterr().out
    lines = {line.split()[1]: line.replace("│", " ").split()[1:] for line in shown.splitlines() if line.startswith("│")}
    # recordings, cut, added, shown
    assert lines["anger"] == ["5", "1", "0", "4"]
    assert lines["fear"] == ["2", "0", "2", "4"]


def test_what_cannot_be_balanced_is_refused(tmp_path):
    manifest = manifest_of([{"category": "boredom"}])
    with pytest.raises(ManifestError, match="no utterance of label set ravdess"):
        plan_balance(manifest, RAVDESS, 3, 0)
    with pytest.raises(ManifestError, match="at least one utterance per class"):
        plan_balance(manifest, RAVDESS, 0, 0)
    with pytest.raises(ManifestError, match=r"balance plan .* does not exist"):
        BalancePlan.read(tmp_path / "missing.parquet")
    manifest.write(tmp_path / "m.parquet")
    with pytest.raises(ManifestError, match="is no balance plan"):
        BalancePlan.read(tmp_path / "m.parquet")
    with pytest.raises(ManifestError, match="1 utterances of the balance plan are not in the manifest"):
        BalancePlan(("toy/9",), np.array([0]), 1, 0).rows(manifest)


def test_plans_that_lie_on_disks_are_read(tmp_path):
    columns = {"utterance_id": ["a", "a"], "view": pa.array([0, 1], pa.int16())}
    metadata = {b"vibespeaker.balance": b'{"target": 2, "seed": 3}'}  # as every version wrote it
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), tmp_path / "old.parquet")
    plan = BalancePlan.read(tmp_path / "old.parquet")
    assert (plan.utterance_ids, plan.views.tolist(), plan.target, plan.seed) == (("a", "a"), [0, 1], 2, 3)


@pytest.mark.parametrize(
    "words", [["balance", "M"], ["clean", "M", "COPIES"], ["split", "M"], ["extract", "M", "--encoders", "E"]], ids=str
)
def test_a_manifest_without_utterances_is_one_sentence_or_nothing_to_do(words, tmp_path, capsys):
    whole = manifest_of([{"name": "a", "split": "train"}])
    whole.select([]).write(tmp_path / "m.parquet")
    (tmp_path / "e.yaml").write_text("words: {class_path: HashedText, init_args: {dim: 8}}\n")
    places = {"M": "m.parquet", "COPIES": "copies", "E": "e.yaml"}
    given = [str(tmp_path / places[word]) if word in places else word for word in words]
    status = main([*given, "--out", str(tmp_path / "o.parquet")])
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert (status, len(errors)) in ((0, 0), (2, 1))


def test_only_named_classes_get_views_with_noise(tmp_path, capsys):
    path, out = tmp_path / "m.parquet", tmp_path / "plan.parquet"
    rows = [
        {"category": emotion, "split": "train", "name": f"{emotion}{n}"} for emotion in ("calm", "fear") for n in (0, 1)
    ]
    manifest_of(rows).write(path)
    assert main(["balance", str(path), "--out", str(out), "--target", "10", "--noisy=[calm]"]) == 0
    plan = BalancePlan.read(out)
    views = {name: [] for name in plan.utterance_ids}
    for name, view in zip(plan.utterance_ids, plan.views.tolist(), strict=True):
        views[name].append(view)
    assert views["toy/calm0"] == [0, 1, 2, 3, 4]
    assert views["toy/fear0"] == [0, 1, 3, 5, 7]
    assert main(["balance", str(path), "--out", str(out), "--noisy=[joy]"]) == 2
    assert "joy" in capsys.readouterr().err
    words = ["--noisy=[calm]", "--augmentation", "augmentation/default"]
    assert main(["balance", str(path), "--out", str(out), *words]) == 2
    assert "noise in any view" in capsys.readouterr().err
