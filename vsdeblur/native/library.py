"""The compiled kernels: which of the installed builds this processor runs, or why none."""

from __future__ import annotations

import ctypes
import logging
import os
from functools import cache
from hashlib import sha256
from pathlib import Path

import torch

log = logging.getLogger("vsdeblur")
# Of torch's names for what a processor can do, the builds that run on it, best first.
_BUILDS = {"AVX512": ("avx512", "avx2", "base"), "AVX2": ("avx2", "base")}
_SUFFIXES = (".so", ".dll")


@cache
def library() -> ctypes.CDLL | None:
    """The kernels, loaded once; None where they are turned off or missing, which is said once."""
    if os.environ.get("VSDEBLUR_NATIVE", "1") == "0":
        log.info("VSDEBLUR_NATIVE=0: sampling with torch instead of the native kernels")
        return None
    found, reason = load(Path(__file__).parent)
    if found is None:
        log.warning("native kernels: %s; torch does their work in several times the time, see docs/install.md", reason)
    return found


def load(folder: Path) -> tuple[ctypes.CDLL | None, str]:
    """The best build in a folder for this processor, or None and why."""
    names = _BUILDS.get(torch.backends.cpu.get_cpu_capability(), ("base",))
    # As ``hatch_build.py`` computes it.
    stamp = sha256(b"".join(path.read_bytes() for path in sorted((folder / "source").glob("*.[ch]")))).hexdigest()
    reason = "not built for this machine"
    for path in (folder / f"kernels-{name}{suffix}" for name in names for suffix in _SUFFIXES):
        if not path.exists():
            continue
        try:
            found = ctypes.CDLL(str(path))
            if bytes((ctypes.c_char * len(stamp)).in_dll(found, "kernels_source")) == stamp.encode():
                return found, ""
            reason = f"{path.name} was built from other files than those in source: install again"
        except (OSError, ValueError) as error:
            reason = f"{path.name}: {error}"
    return None, reason
