import pytest
import yaml

from vibespeaker.config_files import find_config, shipped_configs
from vibespeaker.errors import ConfigError
from vibespeaker.workflows.sweep.command import sweep
from vibespeaker.workflows.sweep.plan import nested, read_plan, trial_name


@pytest.fixture
def write(tmp_path):
    def written(**fields):
        path = tmp_path / "plan.yaml"
        path.write_text(yaml.safe_dump({"config": "base.yaml", **fields}))
        return path

    return written


def test_a_grid_has_every_combination_in_order(write):
    plan = read_plan(write(grid={"a.b": [1, 2], "c": ["x", "y"]}))
    assert plan.trials == ({"a.b": 1, "c": "x"}, {"a.b": 1, "c": "y"}, {"a.b": 2, "c": "x"}, {"a.b": 2, "c": "y"})


def test_defaults(write):
    plan = read_plan(write(trials=[{"a": 1}]))
    assert (plan.monitor, plan.mode, plan.predict, plan.seed) == ("val/macro_f1", "max", None, 0)


def test_dotted_keys_become_nested():
    assert nested({"a.b": 1, "a.c.d": 2, "e": 3}) == {"a": {"b": 1, "c": {"d": 2}}, "e": 3}
    for settings in ({"a": 1, "a.b": 2}, {"a.b": 2, "a": 1}):
        with pytest.raises(ConfigError, match="below"):
            nested(settings)


def test_names_say_what_is_set():
    assert trial_name(3, {"x.attributes": 0.25, "x.categories": 0.75}) == "003-attributes-0.25-categories-0.75"
    assert (
        trial_name(0, {"model.pooling": {"class_path": "vibespeaker.models.MeanPooling"}}) == "000-pooling-MeanPooling"
    )
    assert trial_name(12, {"path": "/a b/c"}) == "012-path-_a_b_c"
    assert len(trial_name(0, {f"key{number}": number for number in range(40)})) <= 84


def test_the_digest_covers_what_decides_results(write):
    search = {"lr": {"low": 0.1, "high": 1.0}}
    first = read_plan(write(search=search, count=3)).digest
    assert read_plan(write(search=search, count=5)).digest == first
    assert read_plan(write(search=search, count=3, seed=1)).digest != first


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"trails": []}, "unknown keys. Found: trails. Allowed: config, monitor"),
        ({}, "needs one of trials, grid and search"),
        ({"grid": {"a": [1]}, "trials": [{"a": 1}]}, "Found: trials, grid"),
        ({"config": 3, "grid": {"a": [1]}}, "config has an unusable value. Found: 3. Allowed: str"),
        ({"grid": {"a": 1}}, "grid has an unusable value. Found: 1. Allowed: a list"),
        ({"grid": {"a": []}}, "lists the values of each key. Found: a"),
        ({"grid": {"a": [1, 1]}}, "repeats trials"),
        ({"trials": [3]}, "trials has an unusable value. Found: 3. Allowed: a mapping"),
        ({"trials": [{"a": 1, "a.b": 2}]}, "below"),
        ({"search": {"a": {"low": 1, "high": 2}}}, "needs a count"),
        ({"search": {"a": {"low": 1}}, "count": 2}, "unknown range of a"),
        ({"search": {"a": {"choices": []}}, "count": 2}, "unknown range of a"),
        ({"search": {"a": {"low": 3, "high": 2}}, "count": 2}, "range of a is empty"),
        ({"grid": {"a": [1]}, "mode": "best"}, "mode has an unusable value. Found: best. Allowed: max, min"),
        ({"search": {"a": {"lowest": 1}}, "count": 2}, "search.a has unknown keys. Found: lowest. Allowed: low, high"),
    ],
)
def test_bad_plans_are_refused(write, fields, complaint):
    with pytest.raises(ConfigError, match=r"plan\.yaml|below") as caught:
        read_plan(write(**fields))
    assert complaint in str(caught.value)


def test_files_that_are_no_plans_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"none.yaml cannot be read"):
        read_plan(tmp_path / "none.yaml")
    (tmp_path / "x.yaml").write_text("- 1")
    with pytest.raises(ConfigError, match="must be a mapping"):
        read_plan(tmp_path / "x.yaml")


def test_shipped_plans_can_be_read():
    plans = {path.stem: read_plan(path) for path in sorted((shipped_configs() / "sweep").glob("*.yaml"))}
    assert {"loss-weights", "quickstart-loss-weights", "search", "seeds"} <= set(plans)
    keys = ("model.init_args.loss.weights.attributes", "model.init_args.loss.weights.categories")
    for name in ("loss-weights", "quickstart-loss-weights"):
        pairs = [tuple(trial[key] for key in keys) for trial in plans[name].trials]
        assert pairs == [(1, 0), (0.75, 0.25), (0.5, 0.5), (0.25, 0.75), (0, 1)]


def test_plans_are_looked_for_among_the_shipped_sweeps(tmp_path):
    assert read_plan(find_config("loss-weights", "sweep"))
    with pytest.raises(ConfigError, match=r"config none does not exist\. Allowed: a path, sweep/loss-weights"):
        sweep("none", tmp_path)
