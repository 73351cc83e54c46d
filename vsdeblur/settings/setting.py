"""What is to be known about one setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from vsdeblur.errors import ArgumentError
from vsdeblur.settings.parse import Ambiguous, NeedsRate

AUTO = "auto"  # a shutter or a readout that is estimated from the clip, a prior that is used where there is noise
NONE = "none"  # no prior, where None cannot be written
TELEMETRY = "telemetry"  # a shutter, or a readout, that the camera wrote into the file
FIT = "fit"  # a transfer function that is fitted to the clip


@dataclass(frozen=True, slots=True)
class Extra:
    """A value that only some faces take.

    faces: their names. place: where it works, to follow "used". hint: what to do elsewhere, in parentheses.
    """

    faces: tuple[str, ...]
    place: str
    meaning: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """An argument: its default, how it is read, and what it means.

    parse: from what a user writes to the checked value (see ``vsdeblur.settings.parse``).
    wanted: completes "NAME must be", for values that ``parse`` refuses. summary: the meaning in a few words. values:
    examples, to follow the summary and a colon. detail: what else there is to say, in sentences. by_face: the same, of
    one face alone. defaults: of faces whose default is another one. usual: what None stands for. choices: where there
    is a fixed list of names. extras: values that only some faces take. timed: whether ``parse`` takes the frame rate.
    metavar: what stands for a value in the help of a command.
    name, type: filled in by the table.
    """

    default: Any
    parse: Callable[..., Any]
    wanted: str
    summary: str
    values: str = ""
    detail: str = ""
    by_face: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    usual: str = ""
    choices: tuple[str, ...] = ()
    extras: Mapping[str, Extra] = field(default_factory=dict)
    timed: bool = False
    metavar: str = ""
    name: str = ""
    type: Any = None

    def checked(self, value: Any, rate: Fraction | None = None) -> Any:
        """The checked value. Raises ArgumentError naming the setting, the value and what would work."""
        extra = self.extras.get(value) if isinstance(value, str) else None
        if extra is not None:
            hint = f" ({extra.hint})" if extra.hint else ""
            raise ArgumentError(self.name, value, f"used {extra.place}; here {self.wanted}{hint}")
        try:
            return self.parse(value, rate) if self.timed else self.parse(value)
        except NeedsRate:
            wanted = "a fraction of the period for a clip without a frame rate"
            raise ArgumentError(self.name, value, wanted) from None
        except Ambiguous as error:
            text = str(error)
            raise ArgumentError(
                self.name, value, f"{text}s for a time, {float(Fraction(text)):.3g} for a part of the frame period"
            ) from None
        except (TypeError, ValueError, ArithmeticError):
            raise ArgumentError(self.name, value, self.wanted) from None

    def default_of(self, face: str) -> Any:
        """Its default in one of the faces."""
        return self.defaults.get(face, self.default)
