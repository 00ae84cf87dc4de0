import re
from html.parser import HTMLParser

import pytest

from vibespeaker.figures import line_panels
from vibespeaker.report.document import SYNTHETIC, Code, Page, Paragraph, Picture, Section, Table
from vibespeaker.report.page import as_markdown, write_page

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Checker(HTMLParser):
    """Collects text and sources, and refuses tags that are not closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.sources, self.ids, self.links = [], [], [], set(), []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        found = dict(attrs)
        self.sources += [found[name] for name in ("src", "href") if name in found]
        self.ids |= {found["id"]} if "id" in found else set()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parsed(html):
    checker = Checker()
    checker.feed(html)
    assert not checker.open
    return checker


@pytest.fixture
def page():
    table = Table(
        "Scores & <more>.",
        ("system", "F1"),
        (("a|b" + SYNTHETIC, "0.500 [0.400, 0.600]"), ("<script>", "–")),
        best=frozenset({(0, 1)}),
    )
    picture = Picture("curve", line_panels({"loss": {"a": ([1, 2], [2, 1])}}), "A curve.")
    sections = (
        Section("Scores", (table, picture, Paragraph("Notes:", ("one", "two")))),
        Section("Made with", (Code("config", "a: 1\n"),)),
    )
    return Page("A report", ("Lead.",), sections, warning="Synthetic speech.")


def test_html_needs_nothing_else(tmp_path, page):
    html = write_page(page, tmp_path).read_text()
    checker = parsed(html)
    assert all(source.startswith(("data:image/svg+xml;base64,", "#")) for source in checker.sources)
    assert not re.search(r"https?://", html)
    assert {link[1:] for link in checker.sources if link.startswith("#")} == checker.ids == {"scores", "made-with"}


def test_text_is_escaped_and_intervals_are_set_off(tmp_path, page):
    html = write_page(page, tmp_path).read_text()
    assert "<script>" not in html
    assert "Scores &amp; &lt;more&gt;." in html
    assert '<td class="best">0.500<span class="interval">[0.400, 0.600]</span></td>' in html
    assert '<td class="name">a|b<span class="tag">synthetic speech</span></td>' in html
    assert "Synthetic speech." in html


def test_markdown(tmp_path, page):
    text = as_markdown(page)
    assert text.startswith("# A report\n\nLead.\n\n> **Synthetic speech.**\n\n## Scores\n")
    assert "| system | F1 |\n| --- | ---: |\n| a\\|b (synthetic speech) | **0.500 [0.400, 0.600]** |" in text
    assert "![A curve.](figures/curve.svg)" in text
    assert "Notes:\n\n- one\n- two" in text
    assert "```yaml\na: 1\n```" in text
    write_page(page, tmp_path)
    assert (tmp_path / "report.md").read_text() == text
    assert (tmp_path / "figures" / "curve.svg").read_text().startswith("<?xml")


def test_the_same_page_gives_the_same_bytes(tmp_path, page):
    first, second = write_page(page, tmp_path / "a"), write_page(page, tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
