"""The loops of `packed` as the compiler is to call them: as they are. Imported where something is being compiled."""

import torch

from vibespeaker.models import packed

#: Name of the function → its `apply`, around which a graph breaks.
APPLIED = {
    kind.__name__: torch.compiler.disable(kind.apply)  # type: ignore[no-untyped-call]
    for kind in (packed._Project, packed._Moments, packed._Attend)
}
