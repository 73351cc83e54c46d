"""vsdeblur: motion-blurred video in, sharp high-frame-rate video out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vsdeblur.calibration.readout.clip import estimate_readout as estimate_readout
    from vsdeblur.calibration.response.clip import estimate_response as estimate_response
    from vsdeblur.calibration.shutter.clip import estimate_shutter as estimate_shutter
    from vsdeblur.filters.vapoursynth import deblur as deblur
    from vsdeblur.restore import restore as restore

__version__ = "0.1.0"
__all__ = ["deblur", "estimate_readout", "estimate_response", "estimate_shutter", "restore"]

# Resolved on first use: tensors work where VapourSynth is not installed, and a script that only imports costs nothing.
_LAZY = {
    "deblur": "vsdeblur.filters.vapoursynth",
    "estimate_readout": "vsdeblur.calibration.readout.clip",
    "estimate_response": "vsdeblur.calibration.response.clip",
    "estimate_shutter": "vsdeblur.calibration.shutter.clip",
    "restore": "vsdeblur.restore",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        value = getattr(import_module(_LAZY[name]), name)
        globals()[name] = value  # the submodule of the same name must not shadow the function
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
