"""References and recognised texts of the same utterances, from manifests."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vibespeaker.errors import PredictionsError
from vibespeaker.evaluation.words.counting import Normalisation, normalised
from vibespeaker.manifest import Manifest
from vibespeaker.manifest.texts import origin_column, text_column

log = logging.getLogger(__name__)

_OF_PEOPLE = ("human", "script")
_SUFFIX = ".parquet"


@dataclass(frozen=True, eq=False)
class Heard:
    """What was said in N utterances, and what each recogniser heard.

    Args:
        utterance_ids: in the manifest's order.
        speakers: their speakers.
        references: what was said.
        texts: recogniser → what it heard.
        origins: recogniser → `text_origin` of its texts, all there are.
    """

    utterance_ids: tuple[str, ...]
    speakers: tuple[str, ...]
    references: tuple[str, ...]
    texts: dict[str, tuple[str, ...]]
    origins: dict[str, tuple[str, ...]]


def read_heard(
    manifest: Path,
    references: Sequence[str] | Mapping[str, str],
    split: str | None,
    reference: str | None,
    normalisation: Normalisation,
) -> Heard:
    """Read the texts to compare; utterances that not every recogniser heard are left out, and how many is said.

    Args:
        manifest: with what was said.
        references: of recognised texts, each NAME of the manifest's own texts, FILE.parquet (another manifest's default
            texts) or FILE.parquet:NAME; or what to call each → one of these.
        split: these utterances only; None takes all.
        reference: name of the texts of `manifest` that are the truth; None takes the default.
        normalisation: decides which references are empty.

    Raises:
        PredictionsError: two of them have one name, or no utterance is left.
        ManifestError: a file is no manifest, or lacks such texts.
    """
    columns = ("utterance_id", "speaker", "split", text_column(reference), origin_column(reference))
    truth = Manifest.read(manifest, columns).frame().set_index("utterance_id")
    if split is not None:
        _check_split(truth, split, manifest)
        truth = truth[truth["split"] == split]
    said = truth[text_column(reference)]
    spoken = said.map(lambda text: bool(text and normalised(text, normalisation))).to_numpy(bool)
    if not spoken.all():
        log.info("%d of %d utterances have no reference: left out", int((~spoken).sum()), len(spoken))
    made = truth[origin_column(reference)][spoken].dropna().unique()
    if machine := sorted(origin for origin in made if origin not in _OF_PEOPLE):
        log.warning("references were heard by a recogniser, not written by people: %s", ", ".join(machine))
    found = {}
    for words in references:
        given = references[words] if isinstance(references, Mapping) else words
        name, texts = _recognised(given, manifest)
        name = words if isinstance(references, Mapping) else name
        if name in found:
            raise PredictionsError("two recognisers have one name", found=name, remedy="name the texts differently")
        found[name] = texts.reindex(truth.index)
    kept = spoken.copy()
    for name, texts in found.items():
        lacking = spoken & texts["text"].isna().to_numpy()
        if lacking.any():
            log.warning("%s has no text for %d of %d utterances: left out", name, int(lacking.sum()), int(spoken.sum()))
        kept &= ~lacking
    if not kept.any():
        raise PredictionsError(
            "there is no utterance that has a reference and that every recogniser heard",
            found=f"{int(spoken.sum())} references, {len(found)} recognisers",
            remedy="vibespeaker transcribe MANIFEST --out MANIFEST --all --name NAME",
        )
    return Heard(
        utterance_ids=tuple(truth.index[kept]),
        speakers=tuple(str(one) for one in truth["speaker"][kept]),
        references=tuple(said[kept]),
        texts={name: tuple(texts["text"][kept]) for name, texts in found.items()},
        origins={name: tuple(sorted(texts["origin"][kept].dropna().unique())) for name, texts in found.items()},
    )


def _recognised(words: str, manifest: Path) -> tuple[str, pd.DataFrame]:
    """Return a recogniser's name and its texts by utterance; what people wrote was not recognised."""
    file, _, name = words.rpartition(":") if f"{_SUFFIX}:" in words else (words, "", "")
    if file.endswith(_SUFFIX):
        path, column, called = Path(file), name or None, name or Path(file).stem
    else:
        path, column, called = manifest, words, words
    columns = ("utterance_id", text_column(column), origin_column(column))
    frame = Manifest.read(path, columns).frame().set_axis(["utterance_id", "text", "origin"], axis=1)
    frame.loc[frame["origin"].isin(_OF_PEOPLE), "text"] = None
    return called, frame.set_index("utterance_id")


def _check_split(truth: pd.DataFrame, split: str, manifest: Path) -> None:
    present = sorted(one for one in truth["split"].unique() if isinstance(one, str))
    if split not in present:
        raise PredictionsError(f"manifest {manifest} has no split {split}", found=split, allowed=present or "none")


def clusters(heard: Heard) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return `(N,)` number of the speaker of each utterance; of the utterance where there is one speaker."""
    codes, names = pd.factorize(np.array(heard.speakers, dtype=object))
    return codes.astype(np.int64) if len(names) > 1 else np.arange(len(codes))
