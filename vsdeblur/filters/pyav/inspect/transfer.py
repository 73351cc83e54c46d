"""The transfer function of a file: as given, by its tags, or fitted to samples of it."""

from __future__ import annotations

from dataclasses import dataclass

from vsdeblur.errors import ArgumentError
from vsdeblur.filters.pyav.file.reading import WHOLE, ReadOptions
from vsdeblur.filters.pyav.inspect.survey import Survey
from vsdeblur.settings import FIT
from vsdeblur.settings.transfers import name_of


@dataclass(frozen=True, slots=True)
class FoundTransfer:
    """A value for ``transfer``, and where it comes from, in words."""

    transfer: str | None
    source: str

    def __str__(self) -> str:
        return f"{self.transfer}, {self.source}" if self.transfer else self.source


def find_transfer(path: str, given: str | None, options: ReadOptions = WHOLE) -> FoundTransfer:
    """The transfer function that a file is restored with.

    Args:
        path: of the file.
        given: a curve's name, None for the file's tags, or "fit": fitted to the clip, by the tags where its confidence
            is too low.
        options: which part is restored, and by which tags it is read.

    Raises:
        ArgumentError: for "fit" of standard input, which cannot be read twice.
    """
    if given != FIT:
        return FoundTransfer(given, "given" if given else "by the file's tags")
    if path == "-":
        raise ArgumentError("transfer", given, 'the name of a curve such as "bt709" for standard input')
    estimate = Survey(path, "linear", options).response
    if estimate.usable is None:
        why = f"confidence {estimate.confidence:.2f}" if estimate.confidence else "no edges that motion has blurred"
        return FoundTransfer(None, f"by the file's tags: the clip leaves it open ({why})")
    return FoundTransfer(name_of(estimate.gamma), f"fitted to the clip, confidence {estimate.confidence:.2f}")
