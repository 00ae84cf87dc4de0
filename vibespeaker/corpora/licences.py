"""What the licences of corpora allow that concerns us: passing a few recordings on, in a page that others open.

The adapters say under which licence each corpus is (`CorpusAdapter.licence`); a manifest keeps it. Not legal advice.
"""

from dataclasses import dataclass

#: Of what a program spoke.
GENERATED = "none needed: generated speech"


@dataclass(frozen=True)
class Licence:
    """A licence that recordings may be passed on under, with credit to those who made them.

    Args:
        spelled: as adapters and manifests spell it, in lower case.
        hub: its name on a model hub; null where it has none.
    """

    spelled: str
    hub: str | None


#: Those of Creative Commons allow to copy and share what they cover, unchanged but for its format (4.0, section 2a).
_OPEN = (
    Licence("cc0 1.0", "cc0-1.0"),
    Licence("cc by 4.0", "cc-by-4.0"),
    Licence("cc by-sa 4.0", "cc-by-sa-4.0"),
    Licence("cc by-nc 4.0", "cc-by-nc-4.0"),
    Licence("cc by-nc-sa 4.0", "cc-by-nc-sa-4.0"),
    Licence("cc by-nd 4.0", "cc-by-nd-4.0"),
    Licence("cc by-nc-nd 4.0", "cc-by-nc-nd-4.0"),
    Licence(GENERATED, None),
    Licence("open database license 1.0, contents under the database contents license 1.0", "odbl"),
)


def may_be_passed_on(licence: str) -> bool:
    """Return whether a licence lets anyone copy single recordings to others; one that is not known does not."""
    return _known(licence) is not None


def hub_name(licence: str) -> str | None:
    """Return what a model hub calls a licence; null where it has no name for it."""
    known = _known(licence)
    return None if known is None else known.hub


def _known(licence: str) -> Licence | None:
    wanted = licence.strip().lower()
    return next((one for one in _OPEN if wanted in (one.spelled, one.hub)), None)
