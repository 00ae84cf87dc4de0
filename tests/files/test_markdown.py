import pytest

from vibespeaker.files.markdown import fenced, image, one_line, plain


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


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a|b", "![a\\|b](x.svg)"),
        ("`rm`", "![\\`rm\\`](x.svg)"),
        ("<script>", "![&lt;script&gt;](x.svg)"),
        ("a\n\n](y)", "![a \\](y)](x.svg)"),
        ("[0, 1]", "![\\[0, 1\\]](x.svg)"),
    ],
)
def test_what_stands_for_a_picture_ends_where_it_should(name: str, shown: str) -> None:
    assert image(name, "x.svg") == shown


def test_a_line_of_html_holds_no_empty_line_and_no_tags() -> None:
    assert one_line("runs/a\n\n</summary><b> & `x`") == "runs/a &lt;/summary&gt;&lt;b&gt; &amp; `x`"
