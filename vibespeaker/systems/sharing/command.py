"""The command `export`: a trained system as a model folder."""

import logging
import shutil
from pathlib import Path

from vibespeaker.arguments.ranges import DRAWS, require
from vibespeaker.config_files.imports import trust as trust_packages
from vibespeaker.files.outputs import check_folder

log = logging.getLogger(__name__)


def export(
    model: str,
    *,
    out: Path,
    name: str | None = None,
    encoders: bool = True,
    onnx: bool = False,
    recording: Path | None = None,
    manifest: Path | None = None,
    predictions: Path | None = None,
    licence: str | None = None,
    draws: int = 1000,
    trust: list[str] | None = None,
) -> int:
    """Write a trained model as a folder that can be shared: weights, plain words, a card, and its calibration.

    Whoever gets the folder names it with --model; reading it runs no code from it. The card is made of the run's own
    records: its data and their licences, its scores with intervals, its calibration, and its limits.

    Args:
        model: a checkpoint that vibespeaker fit wrote, a run's folder, the YAML file of an ensemble or of
            a late fusion, or a model folder.
        out: folder to write.
        name: what the card calls the model, such as USER/NAME; by default the folder's name.
        encoders: also write the checkpoints that its encoders began with, tokenizers and feature extractors among them,
            so that no hub is needed; they may be larger than the model itself.
        onnx: also write the head for other runtimes, with an example that needs onnxruntime and numpy alone, and the
            encoders that the exporter takes as they are.
        recording: audio file whose frames the example reads; by default a generated sound.
        manifest: manifest for the card; by default the one that the run was trained on.
        predictions: prediction table for the card's scores; by default the run's own.
        licence: of the model, for the card; by default that of the data where it has only one.
        draws: bootstrap draws of the card's intervals.
        trust: packages besides vibespeaker and torch that the model may name.

    Raises:
        CheckpointError: there is no such model, or its encoders are not those at hand.
        ConfigError: the folder cannot be written, or the head cannot be exported.
    """
    require(DRAWS, draws=draws)
    trust_packages(trust or ())
    from vibespeaker.systems.beside import calibration_of, facts_of
    from vibespeaker.systems.ensemble_folder import MEMBERS, write_folder
    from vibespeaker.systems.folder import CONFIG, ENCODERS, is_model_folder
    from vibespeaker.systems.fusion import Fusion
    from vibespeaker.systems.fusion_folder import write_fusion_folder
    from vibespeaker.systems.opening import open_system
    from vibespeaker.systems.sharing.card import card, facts_of_records
    from vibespeaker.systems.sharing.onnx_files import check_onnx, write_onnx_files
    from vibespeaker.systems.sharing.records import read_records

    check_folder(out, inputs=[manifest, predictions, recording, Path(model)])
    if onnx:
        check_onnx()
    system = open_system(model)
    calibration, facts = calibration_of(system), facts_of(system)
    records = read_records(system, manifest, predictions, draws)
    facts = facts if facts is not None and not records.sources else facts_of_records(system, records)
    title = name or out.resolve().name
    if is_model_folder(out):  # of an export before; without its config what is half written is no model
        (out / CONFIG).unlink()
        for part in (MEMBERS, ENCODERS):
            shutil.rmtree(out / part, ignore_errors=True)
    text = card(title, system, records, facts, calibration, licence)
    if isinstance(system, Fusion):
        write_fusion_folder(out, system, text, facts, encoders)
    else:
        write_folder(out, system, text, calibration, facts, encoders)
    if onnx:
        write_onnx_files(system, out, recording)
    log.info("wrote %s; use it: vibespeaker recognize --model %s FILE", out, out)
    return 0
