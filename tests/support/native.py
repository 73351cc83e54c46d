"""The same call with the native kernels and with torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from torch import Tensor


@contextmanager
def torch_alone() -> Iterator[None]:
    """No native kernels within."""
    with patch("vsdeblur.native.kernels.library", lambda: None):
        yield


def by_both(call: Callable[[], Tensor]) -> tuple[Tensor, Tensor]:
    """What a call gives with the native kernels, and with torch alone."""
    with torch_alone():
        reference = call()
    return call(), reference
