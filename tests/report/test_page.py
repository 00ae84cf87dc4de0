import re
from html.parser import HTMLParser

import numpy as np
import pytest

from vibespeaker.figures import line_panels, spectrogram_png
from vibespeaker.report.document import Clip, Code, Page, Paragraph, Picture, Section, Table
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
        (("a|b", "0.500 [0.400, 0.600]"), ("<script>", "–")),
        best=frozenset({(0, 1)}),
    )
    picture = Picture("curve", line_panels({"loss": {"a": ([1, 2], [2, 1])}}), "A curve.", "Loss falls to [1]")
    strip = spectrogram_png(np.sin(np.arange(8000, dtype=np.float32)))
    clip = Clip("worst-1", strip, b"MP3", "fear, answered joy", "Spectrogram of 0.5 s.")
    folded = Table("All `pairs`\n\n<script>", ("pair", "p"), (("a, b", "0.01"),), folded=True)
    sections = (
        Section("Scores", (table, picture, clip, folded, Paragraph("Notes:", ("one", "two")))),
        Section("Made with", (Code("config", "a: 1\n"),)),
    )
    return Page("A report", ("Lead.",), sections, warning="Synthetic speech.")


def test_html_needs_nothing_else(tmp_path, page):
    html = write_page(page, tmp_path).read_text()
    checker = parsed(html)
    assert all(
        source.startswith(("data:image/svg+xml;base64,", "data:image/png;base64,", "data:audio/mpeg;base64,", "#"))
        for source in checker.sources
    )
    assert not re.search(r"https?://", html)
    assert {link[1:] for link in checker.sources if link.startswith("#")} == checker.ids == {"scores", "made-with"}


def test_text_is_escaped_and_intervals_are_set_off(tmp_path, page):
    html = write_page(page, tmp_path).read_text()
    assert "<script>" not in html
    assert "Scores &amp; &lt;more&gt;." in html
    assert '<td class="best">0.500<span class="interval">[0.400, 0.600]</span></td>' in html
    assert '<td class="name">a|b</td>' in html
    assert 'alt="Loss falls to [1]"' in html
    assert html.count("Synthetic speech.") == 1
    assert html.index("<details><summary>All `pairs`") < html.index("a, b")


def test_markdown(tmp_path, page):
    text = as_markdown(page)
    assert text.startswith("# A report\n\nLead.\n\n> **Synthetic speech.**\n\n## Scores\n")
    assert "| system | F1 |\n| --- | ---: |\n| a\\|b | **0.500 [0.400, 0.600]** |" in text
    assert "![Loss falls to \\[1\\]](figures/curve.svg)\n\n*A curve.*" in text
    assert "![Spectrogram of 0.5 s.](figures/worst-1.png)" in text
    assert "[Listen](figures/worst-1.mp3)" in text
    assert "<details><summary>All `pairs` &lt;script&gt;</summary>\n\n| pair | p |" in text
    assert "<script>" not in text
    assert "Notes:\n\n- one\n- two" in text
    assert "```yaml\na: 1\n```" in text
    write_page(page, tmp_path)
    assert (tmp_path / "report.md").read_text() == text
    assert (tmp_path / "figures" / "curve.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_figures_beside_the_markdown_are_of_the_kind_that_was_asked_for(tmp_path, page, kind, start):
    html = write_page(page, tmp_path, kind).read_text()
    assert (tmp_path / "figures" / f"curve.{kind}").read_bytes().startswith(start)
    assert f"](figures/curve.{kind})" in (tmp_path / "report.md").read_text()
    assert "data:image/svg+xml" in html


def test_the_same_page_gives_the_same_bytes(tmp_path, page):
    first, second = write_page(page, tmp_path / "a"), write_page(page, tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
