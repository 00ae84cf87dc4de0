"""Results of one encoder that others build on, made once for a batch that all of them read.

`Rocket` starts from the same descriptors as `AcousticDescriptors`: extracting both would compute them twice.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor

Key = tuple[object, ...]

_made: ContextVar[dict[Key, Tensor] | None] = ContextVar("made", default=None)


@contextmanager
def shared_results() -> Iterator[None]:
    """Keep what is made of the waveforms that live throughout the body, so that it is made once."""
    token = _made.set({})
    try:
        yield
    finally:
        _made.reset(token)


def made_once(waveform: Tensor, how: object, make: Callable[[Tensor], Tensor]) -> Tensor:
    """Return what `make` makes of a waveform, or what was made the same way before; not to be written to.

    Args:
        waveform: `(samples,)`; within `shared_results` its memory is not given to another one.
        how: all that decides the result besides the waveform, hashable.
        make: makes it.
    """
    made = _made.get()
    if made is None:
        return make(waveform)
    key = (waveform.device, waveform.data_ptr(), len(waveform), waveform.dtype, how)
    if key not in made:
        made[key] = make(waveform)
    return made[key]
