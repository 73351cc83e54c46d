"""The table of settings, and which face has which.

Each setting is defined once, as the annotation of a typed dictionary (``engine``, ``hosts``, ``files``). From there
come the keyword arguments that type checkers and editors know, signatures and docstrings, the options of the command
line, the checks and their messages, and the reference page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, get_type_hints

from vsdeblur.settings.engine import EngineSettings, Factor, Quadrature
from vsdeblur.settings.files import Coding, FileSettings, Reading, Tagging
from vsdeblur.settings.hosts import ClipSettings, Fps, FpsFraction, Progressive, Rate, ScriptSettings, StreamSettings
from vsdeblur.settings.setting import Setting


def _settings(groups: Iterable[type]) -> dict[str, Setting]:
    hints = {name: hint for group in groups for name, hint in get_type_hints(group, include_extras=True).items()}
    return {name: replace(hint.__metadata__[0], name=name, type=hint.__origin__) for name, hint in hints.items()}


TABLE: Mapping[str, Setting] = _settings(
    (Factor, Fps, FpsFraction, Rate, ClipSettings, Quadrature, EngineSettings, Reading, Coding)
)


@dataclass(frozen=True, slots=True)
class Face:
    """A function or a command with the settings that it has, in the table's order."""

    name: str
    names: frozenset[str]

    @classmethod
    def of(cls, name: str, *groups: Any) -> Face:
        """With the settings of typed dictionaries, and those that are named."""
        own = (group.__annotations__ if isinstance(group, type) else (group,) for group in groups)
        return cls(name, frozenset(name for part in own for name in part))

    @property
    def settings(self) -> Mapping[str, Setting]:
        """Its part of the table."""
        return {name: setting for name, setting in TABLE.items() if name in self.names}

    @property
    def defaults(self) -> dict[str, Any]:
        """What counts where nothing is given."""
        return {name: setting.default_of(self.name) for name, setting in self.settings.items()}


DEBLUR = Face.of("deblur", Factor, ScriptSettings)
DEBLUR_FRAMES = Face.of("deblur_frames", Factor, StreamSettings)
TRANSCODE = Face.of("transcode", Factor, FileSettings)
BATCH = replace(TRANSCODE, names=TRANSCODE.names - {"segment", "map"})  # of transcode, for every file
CLUSTER = replace(BATCH, names=BATCH.names - {"resume"})
RESTORE = Face.of("restore", Factor, ClipSettings, Quadrature, EngineSettings)
_LOOKED_AT = ("factor", "fps", "shutter", "preset", "mode", "device", "max_memory", "max_side", "gyro")
INSPECT = Face.of("inspect", *_LOOKED_AT, Tagging, Progressive)
IMAGE = Face.of("image", "transfer", "prior", "device", "max_memory")
FACES = (DEBLUR, DEBLUR_FRAMES, TRANSCODE, RESTORE, INSPECT, IMAGE)


def checked(name: str, value: Any, rate: Fraction | None = None) -> Any:
    """The checked value of a setting. rate: the clip's, for values that are times; None where it has none.

    Raises ArgumentError naming the setting, the value and what would work.
    """
    return TABLE[name].checked(value, rate)
