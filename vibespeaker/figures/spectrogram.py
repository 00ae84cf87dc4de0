"""Pictures of sound."""

import io

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from vibespeaker.figures.style import only_axes, styled

_WINDOW, _HOP = 512, 160
_FLOOR_DB = -80.0
_MOST_FRAMES = 4000
#: Of a small picture: more cannot be told apart, and take more bytes.
_SHADES = 48


def spectrogram_figure(samples: npt.NDArray[np.float32], rate: int, title: str = "") -> Figure:
    """Draw the power spectrogram of a recording, in dB below its loudest point.

    Args:
        samples: `(samples,)`, at least one.
        rate: samples per second, Hz.
        title: shown above.
    """
    with styled(8.0, 3.0) as figure:
        draw_spectrogram(only_axes(figure, title), samples, rate)
    return figure


def draw_spectrogram(axes: Axes, samples: npt.NDArray[np.float32], rate: int) -> None:
    """Draw the power spectrogram of a recording over its seconds, in dB below its loudest point.

    Args:
        axes: to draw on.
        samples: `(samples,)`, at least one.
        rate: samples per second, Hz.
    """
    decibels = _decibels(samples, _MOST_FRAMES)
    extent = (0.0, max(len(samples), _WINDOW) / rate, 0.0, rate / 2000)
    axes.imshow(decibels, origin="lower", aspect="auto", extent=extent, cmap="magma")
    axes.set_xlabel("seconds")
    axes.set_ylabel("kHz")


def spectrogram_png(samples: npt.NDArray[np.float32], columns: int = 1200) -> bytes:
    """Return the power spectrogram alone, without axes, as a PNG: low frequencies at the bottom, 0 to half the rate.

    Args:
        samples: `(samples,)`, at least one.
        columns: of a long recording about so many; a short one has a column for every hundredth of a second.
    """
    shades = np.rint((_decibels(samples, columns) / -_FLOOR_DB + 1.0) * (_SHADES - 1)).astype(np.uint8)
    picture = Image.fromarray(np.flipud(shades))  # of shades; the palette makes colours of them
    picture.putpalette(colormaps["magma"](np.linspace(0, 1, _SHADES), bytes=True)[:, :3].tobytes())
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def _decibels(samples: npt.NDArray[np.float32], columns: int) -> npt.NDArray[np.float64]:
    """Return `(frequencies, frames)` in dB below the loudest point; of a long recording about so many frames."""
    padded = np.pad(samples.astype(np.float64), (0, max(0, _WINDOW - len(samples))))
    hop = max(_HOP, len(padded) // columns)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::hop] * np.hanning(_WINDOW)
    power = np.square(np.abs(np.fft.rfft(frames, axis=1))).T
    loudest = max(float(power.max()), np.finfo(np.float64).tiny)
    return np.maximum(10 * np.log10(np.maximum(power / loudest, 1e-12)), _FLOOR_DB)
