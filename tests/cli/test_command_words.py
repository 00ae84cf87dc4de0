"""How words on the command line become arguments of a plain typed function."""

from pathlib import Path

import pytest

from vibespeaker.arguments.calling import call


@pytest.fixture
def seen():
    return {}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["a", "b", "--names", "x", "y", "--out", "o"], ([Path("a"), Path("b")], ["x", "y"], Path("o"), None, False)),
        (["a", "--weights", "1", "2.5"], ([Path("a")], None, Path("d"), [1.0, 2.5], False)),
        (["a", "--names=[x,y]", "--loud"], ([Path("a")], ["x", "y"], Path("d"), None, True)),
        (["a", "--names", "[x,y]"], ([Path("a")], ["x", "y"], Path("d"), None, False)),
        (["a", "--names", "x", "--loud", "--names", "y", "z"], ([Path("a")], ["x", "y", "z"], Path("d"), None, True)),
        (["a", "--names=x", "--out", "o", "--names=y"], ([Path("a")], ["x", "y"], Path("o"), None, False)),
        (
            ["a", "--names", "x", "--names+=y", "--names+", "[z]"],
            ([Path("a")], ["x", "y", "z"], Path("d"), None, False),
        ),
        (["a", "--names", "x", "--names=[y]"], ([Path("a")], ["y"], Path("d"), None, False)),
        (["a", "--names=null"], ([Path("a")], None, Path("d"), None, False)),
    ],
)
def test_required_lists_take_leading_words_and_list_options_those_behind_them(seen, words, expected):
    def command(
        paths: list[Path],
        names: list[str] | None = None,
        out: Path = Path("d"),
        weights: list[float] | None = None,
        loud: bool = False,
    ) -> int:
        seen["got"] = (paths, names, out, weights, loud)
        return 1

    assert call(command, "test", words) == 1
    assert seen["got"] == expected


@pytest.mark.parametrize(("words", "expected"), [(["a"], (Path("a"), None)), (["--check", "c"], (None, Path("c")))])
def test_a_leading_word_fills_an_optional_first_parameter(seen, words, expected):
    def command(path: Path | None = None, check: Path | None = None) -> None:
        seen["got"] = (path, check)

    assert call(command, "test", words) == 0
    assert seen["got"] == expected


def test_all_leading_words_fill_an_optional_list(seen):
    def command(paths: list[Path] | None = None, k: int = 3) -> None:
        seen["got"] = (paths, k)

    call(command, "test", ["a", "b", "--k", "2"])
    assert seen["got"] == ([Path("a"), Path("b")], 2)
    call(command, "test", [])
    assert seen["got"] == (None, 3)


@pytest.mark.parametrize(
    "words", [["a", "b", "--k", "2", "--loud"], ["--k", "2", "a", "b", "--loud"], ["--k=2", "--loud", "a", "b"]]
)
def test_words_of_the_first_parameter_may_stand_behind_options(seen, words):
    def command(paths: list[Path] | None = None, k: int = 3, loud: bool = False) -> None:
        seen["got"] = (paths, k, loud)

    def single(path: Path, k: int = 3) -> None:
        seen["single"] = (path, k)

    call(command, "test", words)
    assert seen["got"] == ([Path("a"), Path("b")], 2, True)
    call(single, "test", ["--k", "2", "a"])
    assert seen["single"] == (Path("a"), 2)


def test_help_tells_what_a_command_does_once(capsys):
    def command(path: Path) -> None:
        """Do the work.

        Args:
            path: where to.
        """

    assert call(command, "test", ["--help"]) == 0
    shown = capsys.readouterr().out
    assert "Args:" not in shown
    assert "where to" in shown
