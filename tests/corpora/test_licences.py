from importlib import import_module

import pytest

from vibespeaker.corpora import FORMATS
from vibespeaker.corpora.licences import GENERATED, hub_name, may_be_passed_on


@pytest.mark.parametrize(
    ("licence", "may", "hub"),
    [
        ("CC BY-NC-SA 4.0", True, "cc-by-nc-sa-4.0"),
        ("cc0-1.0", True, "cc0-1.0"),
        (GENERATED, True, None),
        ("not stated", False, None),
        ("free for research after registration", False, None),
        ("", False, None),
    ],
)
def test_only_what_is_known_to_be_open_may_be_passed_on(licence, may, hub):
    assert (may_be_passed_on(licence), hub_name(licence)) == (may, hub)


def test_of_the_corpora_some_are_open_and_those_on_request_are_not():
    named = {name: path.split(":") for name, path in FORMATS.items()}
    classes = {name: getattr(import_module(module), called) for name, (module, called) in named.items()}
    open_ones = {name for name, of in classes.items() if may_be_passed_on(getattr(of, "licence", "not stated"))}
    assert {"ravdess", "emodb", "crema-d", "tess", "nemo", "common-voice"} <= open_ones
    assert not open_ones & {"msp-podcast", "iemocap", "meld", "savee", "urdu", "emovo", "table"}
