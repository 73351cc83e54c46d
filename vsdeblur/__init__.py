"""vsdeblur: motion-blurred video in, sharp high-frame-rate video out."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from vsdeblur.version import __version__ as __version__

if TYPE_CHECKING:
    from vsdeblur.estimate import estimate_readout as estimate_readout
    from vsdeblur.estimate import estimate_response as estimate_response
    from vsdeblur.estimate import estimate_shutter as estimate_shutter
    from vsdeblur.filters.vapoursynth import deblur as deblur
    from vsdeblur.restore import restore as restore

__all__ = ["deblur", "estimate_readout", "estimate_response", "estimate_shutter", "restore"]

# Threads that wait for the next small operation sleep: by default OpenMP's spin, and take the cores from whatever else
# runs, the encoder behind a pipe and each other included. It is read when torch is loaded, which comes later.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Resolved on first use: tensors work where VapourSynth is not installed, and a script that only imports costs nothing.
_LAZY = {
    "deblur": "vsdeblur.filters.vapoursynth",
    "estimate_readout": "vsdeblur.estimate",
    "estimate_response": "vsdeblur.estimate",
    "estimate_shutter": "vsdeblur.estimate",
    "restore": "vsdeblur.restore",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        value = getattr(import_module(_LAZY[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _Package(ModuleType):
    """Its ``restore`` is the function, whenever the submodule of that name, which importing sets here, is loaded."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, getattr(value, name) if name in _LAZY and isinstance(value, ModuleType) else value)


sys.modules[__name__].__class__ = _Package
