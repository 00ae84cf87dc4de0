import pytest

from vibespeaker.files.markdown import fenced, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("a|b", "a\\|b"),
        ("[x](http://e.com)", "[x\\](http&#58;//e.com)"),
        ("![x](data:a)", "![x\\](data&#58;a)"),
        ("[x]: javascript:a", "[x\\]: javascript&#58;a"),
        ("`**b**` _i_", "\\`\\*\\*b\\*\\*\\` \\_i\\_"),
        ("a\n\n# b", "a # b"),
        ("# a", "\\# a"),
        ("1. a", "1\\. a"),
        ("- a", "\\- a"),
        ("www.e.com, a@e.com", "www&#46;e.com, a&#64;e.com"),
        ("&lt;b", "&amp;lt;b"),
        # what is written often stays readable
        ("0.412 [0.390, 0.434]", "0.412 [0.390, 0.434]"),
        ("-1.5", "-1.5"),
        ("macro_f1, audio+text", "macro_f1, audio+text"),
    ],
)
def test_text_means_nothing(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_a_fence_is_longer_than_any_within() -> None:
    assert fenced("a\n````\n<b>\n", "yaml") == "`````yaml\na\n````\n<b>\n`````"
