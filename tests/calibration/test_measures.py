"""Measured scores as a terminal shows them."""

import io

from rich.console import Console

from vibespeaker.calibration.measures import as_table


def test_scores_stay_readable_on_a_narrow_terminal() -> None:
    variants = {
        "development, as predicted": {"ece": 0.125, "balanced_macro_f1": 0.25},
        "development, unseen speakers": {"ece": 0.0625},
        "test, as predicted": {"ece": 0.5},
        "test, calibrated": {"ece": 0.375},
    }
    shown = io.StringIO()
    Console(width=80, file=shown).print(as_table("Categories", variants, ["ece", "balanced_macro_f1", "risk_area"]))
    text = shown.getvalue()
    for whole in ("0.125", "0.062", "0.500", "0.375", "balanced macro f1", "calibrated"):
        assert whole in text
    assert "risk area" not in text
    assert "…" not in text
