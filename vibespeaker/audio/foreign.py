"""Recordings in formats that ffmpeg decodes: phones' and videos' sound tracks, where ffmpeg is installed.

ffmpeg runs on the files of strangers: it may open that one file and nothing else (no addresses, no playlists that name
others), and its output and its time are bounded.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from vibespeaker.audio.decoding import MAX_SAMPLES
from vibespeaker.audio.notes import Heard, hear
from vibespeaker.audio.opening import ForeignError, reason
from vibespeaker.errors import AudioError
from vibespeaker.utterance import WHOLE, Excerpt

#: Containers that hold sound by themselves. Left out is what names further files or is no recording: playlists, lists
#: of pictures, scripts, subtitles.
_CONTAINERS = (
    *("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "aac", "amr", "amrnb", "amrwb", "asf", "avi"),
    *("flv", "ape", "wv", "mpc", "mpc8", "tta", "dsf", "ac3", "eac3", "dts", "mpeg", "mpegts", "mp3", "ogg", "wav"),
    *("w64", "flac", "aiff", "caf", "au", "gsm", "rm", "voc", "xwma"),
)
#: Bytes of a decoded file, those of the longest recording that is read, and seconds of work.
_MOST_BYTES, _MOST_SECONDS = 4 * MAX_SAMPLES, 600
#: What libsndfile says of what it does not know.
_UNKNOWN = "Format not recognised"
_REMEDY = "install ffmpeg (apt install ffmpeg, brew install ffmpeg), or convert the file to WAV or FLAC"


def hear_any(path: Path, excerpt: Excerpt = WHOLE) -> Heard:
    """Read a recording as `audio.notes.hear` does, by ffmpeg where libsndfile does not know its format.

    Raises:
        AudioError: it cannot be used, or needs ffmpeg, which is not installed.
    """
    try:
        return hear(path, excerpt)
    except AudioError as error:
        if not _is_foreign(error):
            raise
        if shutil.which("ffmpeg") is None:
            problem = f"{error.problem}; ffmpeg, which knows more formats, is not installed"
            raise AudioError(problem, remedy=_REMEDY) from error
    with tempfile.TemporaryDirectory(prefix="vibespeaker-") as folder:
        decoded = Path(folder) / "decoded.wav"
        _convert(path, decoded, excerpt.end)
        heard = hear(decoded, excerpt)
    return Heard(heard.samples, ("decoded by ffmpeg", *heard.notes))


def _is_foreign(error: AudioError) -> bool:
    """Return whether a file was refused for its format alone, which libsndfile does not know."""
    cause = error.__cause__
    return isinstance(cause, ForeignError) or _UNKNOWN in str(cause)


def _convert(path: Path, decoded: Path, end: float | None) -> None:
    """Decode the first sound track of a file, up to so many seconds where they are given.

    Raises:
        AudioError: ffmpeg cannot, or takes too long.
    """
    words = ["ffmpeg", "-nostdin", "-v", "error", "-protocol_whitelist", "file,pipe"]
    words += ["-format_whitelist", ",".join(_CONTAINERS), "-i", f"file:{path.resolve()}"]
    words += [] if end is None else ["-t", f"{end:.3f}"]
    words += ["-map", "0:a:0", "-vn", "-sn", "-dn", "-c:a", "pcm_s16le", "-fs", str(_MOST_BYTES), "-f", "wav"]
    try:
        made = subprocess.run([*words, f"file:{decoded}"], capture_output=True, timeout=_MOST_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise AudioError(f"audio file {path} cannot be used: ffmpeg took more than {_MOST_SECONDS} s") from error
    except OSError as error:
        raise AudioError(f"audio file {path} cannot be used: ffmpeg does not run ({reason(error)})") from error
    if made.returncode or not decoded.is_file():
        said = made.stderr.decode(errors="replace").strip().splitlines()
        detail = said[-1][:200] if said else "it said nothing"
        raise AudioError(f"audio file {path} cannot be used: it cannot be decoded, by ffmpeg neither ({detail})")
