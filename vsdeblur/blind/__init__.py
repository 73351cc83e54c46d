"""Per-frame blind deblurring: the blur of a picture from itself, pixel by pixel, and the restored picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vsdeblur.blind.frame import restore_frame as restore_frame

__all__ = ["restore_frame"]


def __getattr__(name: str) -> Any:
    """Resolve lazily: torch is slow to load, and what only names the package need not wait for it."""
    if name == "restore_frame":
        from vsdeblur.blind.frame import restore_frame

        return restore_frame
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
