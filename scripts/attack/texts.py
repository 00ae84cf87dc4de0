"""Names and texts that mean something elsewhere: HTML and links in Markdown, formulas in CSV files."""

import csv
import io
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from attack.lab import Attack, Lab
from attack.material import manifest_of, write_tone

_HTML = re.compile(r"(?i)<\s*/?\s*(script|img|iframe|a|svg|b)\b")
_LINK = re.compile(r"(?<!\\)\]\((?!figures/)|\bhttps?://")


def attacks(lab: Lab) -> Iterator[Attack]:
    """Yield the attacks."""
    for text in _MARKDOWN:
        yield Attack("Markdown of a report", f"title {text}", partial(_report, lab, text, "title"))
        yield Attack("Markdown of a report", f"system {text}", partial(_report, lab, text, "system"))
        yield Attack("Markdown of counts", f"corpus {text}", partial(_stats, lab, text))
    for text in _FORMULAS:
        yield Attack("CSV of counts", f"stats {text!r}", partial(_stats, lab, text))
        yield Attack("CSV of cleaning", f"clean {text!r}", partial(_clean, lab, text))
        yield Attack("CSV of problems", f"combine {text!r}", partial(_problems, lab, text))


_MARKDOWN = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "a | b | c",
    "![x](http://example.com/x.png)",
    "`code`",
    "http://example.com",
)
_FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1", '=HYPERLINK("http://e")', " =1")


def _report(lab: Lab, text: str, place: str) -> str:
    table = lab.whole / "predictions.parquet"
    if place == "system":
        from dataclasses import replace

        from vibespeaker.predictions import Predictions

        read = Predictions.read(table)
        table = lab.trying / "p.parquet"
        Predictions(read.frame, replace(read.metadata, system=text)).write(table)
    title = text if place == "title" else "A report"
    words = ["--manifest", lab.whole / "manifest.parquet", "--draws", 0, "--out", lab.trying / "report"]
    outcome = lab.call("report", table, *words, f"--title={title}")
    if outcome.status != 0:
        return f"status {outcome.status}: {outcome.said[-200:]}"
    return _markdown(lab.trying / "report" / "report.md", text)


def _markdown(path: Path, text: str) -> str:
    written = re.sub(r"(?s)<details>.*?</details>|(`{3,}).*?\1", "", path.read_text(encoding="utf-8"))
    if _HTML.search(written) or _LINK.search(written):
        return "HTML or a link in the Markdown"
    if "|" in text and re.search(r"a \| b \| c", written):
        return "a border of a table in a name"
    return "a name as code" if "`code`" in written.replace("\\`", "") else ""


def _rows(lab: Lab, **fields: str) -> Path:
    audio = lab.trying / "audio"
    audio.mkdir()
    write_tone(audio / "a.wav", 300)
    rows = [{"name": "a", "split": "train", "category": "anger", **fields}]
    manifest_of(rows, audio).write(lab.trying / "m.parquet")
    return lab.trying / "m.parquet"


def _stats(lab: Lab, text: str) -> str:
    manifest = _rows(lab, corpus=text)
    outcome = lab.call("stats", manifest, "--out", lab.trying / "counts")
    if outcome.status is None:
        return f"traceback: {outcome.said}"
    if outcome.status == 2:  # such a name may be refused
        return ""
    return _csv(lab.trying / "counts" / "counts.csv") or _markdown(lab.trying / "counts" / "counts.md", text)


def _clean(lab: Lab, text: str) -> str:
    manifest = _rows(lab, utterance_id=f"{text}", corpus="toy")
    plain = ["--silence", "none", "--denoise", 0, "--min_duration", 0, "--workers", 1]
    outcome = lab.call("clean", manifest, lab.trying / "copies", "--out", lab.trying / "c.parquet", *plain)
    if outcome.status is None:
        return f"traceback: {outcome.said}"
    return "" if outcome.status == 2 else _csv(lab.trying / "c.cleaning.csv")


def _problems(lab: Lab, text: str) -> str:
    manifest = _rows(lab, utterance_id=text, category="other")
    outcome = lab.call("combine", manifest, "--labels", "corpora/four", "--out", lab.trying / "c.parquet")
    path = lab.trying / "c.problems.csv"
    if outcome.status is None:
        return f"traceback: {outcome.said}"
    return _csv(path) if path.is_file() else ""


def _csv(path: Path) -> str:
    for row in csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")):
        for cell in row:
            is_number = re.fullmatch(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?", cell)
            if re.match(r"\s*[=+\-@]|[\t\r]", cell) and not is_number:
                return f"the cell {cell!r}"
    return ""
