"""Modules of SpeechBrain, imported when they are first used and without what they leave behind."""

import importlib
import sys
from types import ModuleType


def speechbrain_module(name: str) -> ModuleType:
    """Import a module of SpeechBrain.

    SpeechBrain leaves redirections of its former module names in `sys.modules`. They raise ImportError as soon as a
    tool walks over all modules (the compiler, test libraries), and are taken out.

    Args:
        name: such as `speechbrain.augment.time_domain`.
    """
    module = importlib.import_module(name)
    for path, loaded in list(sys.modules.items()):
        if type(loaded).__name__ in ("LazyModule", "DeprecatedModuleRedirect"):
            del sys.modules[path]
    return module
