"""The settings after checking: what the engine and the hosts read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Unpack

from vsdeblur.errors import ArgumentError
from vsdeblur.settings.engine import Factor, Quadrature
from vsdeblur.settings.hosts import DEFAULT_SHUTTER, Fps, ScriptSettings
from vsdeblur.settings.parse import MAX_FACTOR, Cuts, is_time
from vsdeblur.settings.setting import AUTO, NONE
from vsdeblur.settings.table import RESTORE, TABLE, checked

_DEFAULT: Mapping[str, Any] = {name: checked(name, TABLE[name].default) for name in RESTORE.names - {"shutter"}}


@dataclass(frozen=True, slots=True)
class Options:
    """Checked settings. Their meaning and their range are the table's (``vsdeblur.settings.table``).

    factor: output frames per source period. shutter: the open fraction of the period; where auto_shutter is set, what
    is taken for it wherever the clip does not determine it. given_as_time: which of "shutter" and "readout" were given
    as times, and so are parts of the period of frames whether these repeat or not.
    """

    factor: Fraction = _DEFAULT["factor"]
    shutter: float = DEFAULT_SHUTTER
    transfer: str | None = _DEFAULT["transfer"]
    preset: str = _DEFAULT["preset"]
    prior: str | Callable[..., Any] | None = _DEFAULT["prior"]
    flow: str | Callable[..., Any] | None = _DEFAULT["flow"]
    scene_cuts: Cuts = _DEFAULT["scene_cuts"]
    device: str | None = _DEFAULT["device"]
    max_memory: int | None = _DEFAULT["max_memory"]
    quadrature: str = _DEFAULT["quadrature"]
    solver: str | None = _DEFAULT["solver"]
    auto_shutter: bool = False
    out_shutter: float = _DEFAULT["out_shutter"]
    readout: float = _DEFAULT["readout"]
    mode: str = _DEFAULT["mode"]
    estimator: str | None = _DEFAULT["estimator"]
    deconvolver: str | None = _DEFAULT["deconvolver"]
    duplicates: bool = _DEFAULT["duplicates"]
    given_as_time: frozenset[str] = frozenset()

    @property
    def fixed_prior(self) -> str | Callable[..., Any] | None:
        """The prior, whatever the noise is; None where there is none, or where the noise decides."""
        return None if self.prior in (AUTO, NONE) else self.prior

    @property
    def single_frame(self) -> bool:
        """Whether every output is computed from one source frame, without its neighbours."""
        return self.mode == "frame" and self.factor == 1 and not self.out_shutter and not self.readout

    @property
    def detects_repeats(self) -> bool:
        """Whether frames that repeat the one before are detected."""
        return self.duplicates and not self.single_frame

    @property
    def detects_cuts(self) -> bool:
        """Whether scene cuts are detected in the pictures."""
        return self.scene_cuts is True and not self.single_frame


class Settings(Factor, ScriptSettings, Fps, Quadrature, total=False):
    """Those that become options."""


def parse_options(*, rate: Fraction | None = None, **given: Unpack[Settings]) -> Options:
    """Check settings; those that are not given have the table's defaults.

    Args:
        rate: The source's frame rate, None where the host does not know it.
        **given: As in the table.

    Raises:
        ArgumentError: Names the argument, the value and what would work.
    """
    values: dict[str, Any] = dict(given)
    of_rate = [values.pop(name, None) for name in ("fps", "fps_num", "fps_den")]
    factor = _factor(rate, values.pop("factor", 1), *of_rate)
    shutter = values.get("shutter")
    auto = shutter is None or shutter == AUTO
    if auto:
        values["shutter"] = DEFAULT_SHUTTER
    times = frozenset(name for name in ("shutter", "readout") if is_time(values.get(name)))
    options = Options(
        factor=factor,
        auto_shutter=auto,
        given_as_time=times,
        **{name: checked(name, value, rate) for name, value in values.items()},
    )
    return replace(options, auto_shutter=False) if options.single_frame else options  # no shutter plays a part


def _factor(rate: Fraction | None, factor: Any, fps: Any, fps_num: Any, fps_den: Any) -> Fraction:
    """The output frames per source frame; a frame rate overrides factor and needs a clip with a rate."""
    if fps is None and fps_num is None and fps_den is None:
        parsed: Fraction = checked("factor", factor)
        return parsed
    if fps is not None:
        wanted, name = checked("fps", fps), "fps"
    else:
        for part, value in (("fps_num", fps_num), ("fps_den", fps_den)):
            if value is None:
                raise ArgumentError(part, value, "given together with the other of fps_num and fps_den")
            checked(part, value)
        wanted, name = Fraction(fps_num, fps_den), "fps_num/fps_den"
    if not rate:
        name, value = ("fps", str(fps)) if fps is not None else ("fps_num", fps_num)
        raise ArgumentError(name, value, "left out for a clip without a frame rate (use {factor})")
    if not rate <= wanted <= MAX_FACTOR * rate:
        raise ArgumentError(name, str(wanted), f"from {rate} to {MAX_FACTOR * rate} for this clip")
    ratio: Fraction = wanted / rate
    return ratio
