"""Which cluster: its name as a user writes it, and the connection to it."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from vsdeblur.errors import ArgumentError, DeblurError
from vsdeblur.files import reason

_WANTED = "auto, local, local:N with N processes, or ray://HOST:PORT"


@dataclass(frozen=True, slots=True)
class Where:
    """A cluster.

    Attributes:
        address: Of one that runs: "auto" or "ray://HOST:PORT"; empty for this machine.
        processes: Tasks at a time on this machine; None for one for each processor core.
    """

    address: str = ""
    processes: int | None = None

    @classmethod
    def parse(cls, text: object) -> Where:
        """From what a user writes. Raises ArgumentError."""
        if text == "auto":
            return cls("auto")
        if isinstance(text, str):
            if match := re.fullmatch(r"local(?::([0-9]{1,4}))?", text):
                if match[1] is None or int(match[1]):
                    return cls("", int(match[1]) if match[1] else None)
            elif re.fullmatch(r"ray://[^/\s]+:[0-9]{1,5}", text):
                return cls(text)
        raise ArgumentError("cluster", text, _WANTED)


@contextmanager
def connected(where: Where) -> Iterator[Any]:
    """The module ray, connected; a connection that a program has already is taken as it is.

    Raises:
        DeblurError: Ray is not installed, or the cluster cannot be reached.
    """
    # A task that asks for no GPU sees none, and computes as the driver does; Ray reads this as it is imported.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")
    # Under "uv run" Ray would send the current folder, videos and all, to the machines: they have what they need.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    try:
        import ray
    except ModuleNotFoundError:
        raise DeblurError("cluster needs Ray", "pip install 'vsdeblur[cluster]'") from None
    if ray.is_initialized():
        yield ray
        return
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if where.address:
        options["address"] = where.address
    else:
        # One of its own, whatever else runs on this machine.
        options |= {"address": "local", "num_cpus": where.processes or os.cpu_count(), "include_dashboard": False}
    try:
        ray.init(**options)
    except Exception as error:  # Ray raises that itself where a machine does not answer in time
        raise DeblurError(f"cannot reach the cluster {where.address or 'local'}: {reason(error)}") from None
    try:
        yield ray
    finally:
        ray.shutdown()
