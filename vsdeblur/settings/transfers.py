"""The names of transfer functions, whose curves ``vsdeblur.colour.transfer`` has, and of other tags of colour."""

from __future__ import annotations

import math
import re

TRANSFERS = ("linear", "bt709", "srgb", "gamma2.2", "gamma2.6", "gamma2.8", "smpte240m", "pq", "hlg")
LOGS = ("slog3", "vlog", "logc3", "logc4", "applelog", "protune", "cineon")  # of cameras and scanners
LOWEST_GAMMA, HIGHEST_GAMMA = 1.0, 3.0
KNOWN = ", ".join(TRANSFERS + LOGS) + ' or "response1.9" (any gamma from 1 to 3)'

# With their numbers in ITU-T H.273, which FFmpeg uses too.
MATRICES = {"bt709": 1, "fcc": 4, "bt470bg": 5, "smpte170m": 6, "smpte240m": 7, "ycgco": 8, "bt2020ncl": 9}
RANGES = {"limited": 1, "full": 2}
PRIMARIES = {
    "bt709": 1,
    "bt470m": 4,
    "bt470bg": 5,
    "smpte170m": 6,
    "smpte240m": 7,
    "film": 8,
    "bt2020": 9,
    "smpte431": 11,
    "smpte432": 12,
}

_RESPONSE = re.compile(r"response(\d+(?:\.\d+)?)")


def is_known(name: object) -> bool:
    """Whether there is such a curve: one of TRANSFERS or LOGS, or "responseX" with a gamma X."""
    return isinstance(name, str) and (name in TRANSFERS + LOGS or gamma_of(name) is not None)


def gamma_of(name: str) -> float | None:
    """The gamma in a name such as "response1.9"; None for other names and for gammas outside [1, 3]."""
    match = _RESPONSE.fullmatch(name)
    gamma = float(match[1]) if match else math.nan
    return gamma if LOWEST_GAMMA <= gamma <= HIGHEST_GAMMA else None


def name_of(gamma: float) -> str:
    """The transfer function with this gamma. ("linear" is another than 1: solvers take it for values as they are.)"""
    return f"response{gamma:.4g}"
