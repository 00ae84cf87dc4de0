"""What panels are drawn with: HTML whose text stays text, in colours that light and dark pages bear alike."""

import html
from collections.abc import Mapping

_STYLE = """
.vs-bars { width: 100%; border-collapse: collapse; }
.vs-bars th { font-weight: 400; text-align: left; white-space: nowrap; padding: .15rem .8rem .15rem 0; width: 1%; }
.vs-bars td { padding: .15rem 0; }
.vs-bars td.vs-number { width: 1%; padding-left: .8rem; text-align: right; font-variant-numeric: tabular-nums; }
.vs-track { background: rgba(128, 128, 128, .2); border-radius: 3px; height: .9rem; }
.vs-fill { border-radius: 3px; height: 100%; min-width: 2px; }
.vs-said { font-size: 1.6rem; font-weight: 600; margin: 0; }
.vs-said small { font-size: 1rem; font-weight: 400; opacity: .8; }
.vs-face { font-size: 2.6rem; margin-right: .6rem; vertical-align: middle; }
"""


def style() -> str:
    """Return the page's style sheet."""
    return f"<style>{_STYLE}</style>"


def escaped(text: str) -> str:
    """Return text of others as HTML that shows exactly it."""
    return html.escape(text)


def bars(shares: Mapping[str, float]) -> str:
    """Return a table of names, bars and numbers, the greatest first.

    Args:
        shares: name → 0 to 1.
    """
    rows = [
        f'<tr><th scope="row">{escaped(name)}</th><td><div class="vs-track">'
        f'<div class="vs-fill" style="width:{100 * share:.1f}%;background:#c2410c"></div></div></td>'
        f'<td class="vs-number">{share:.2f}</td></tr>'
        for name, share in sorted(shares.items(), key=lambda pair: -pair[1])
    ]
    return f'<table class="vs-bars"><tbody>{"".join(rows)}</tbody></table>'
