"""The arguments that every face of vsdeblur shares, checked once and with the same words everywhere."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

from vsdeblur.errors import ArgumentError

PRESETS = ("fast", "balanced", "best")
QUADRATURES = ("integral", "taps")
SOLVERS = ("keyframes", "unrolled")
MODES = ("joint", "frame", "auto")
MAX_FACTOR = 16
TELEMETRY = "telemetry"  # a shutter and a readout that only files have
AUTO = "auto"  # a readout that takes a look at the whole clip, or a shutter
FIT = "fit"  # a transfer that takes a look at the whole clip
DEFAULT_SHUTTER = 0.5  # where it is estimated, for clips that do not tell: nothing moves

SceneCuts = bool | Literal["props"] | frozenset[int]
_UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


@dataclass(frozen=True, slots=True)
class Options:
    """Arguments after checking; what the engine and the hosts read.

    factor: output frames per source period, 1 to 16. shutter: the open fraction of the period, in (0, 1]; where
    auto_shutter is set, what is taken for it wherever the clip does not tell. out_shutter: the part of an output's
    period that it is blurred over again, in [0, 1]. readout: how much later than the first row the last one is exposed,
    of the period, in [0, 1).
    transfer: name of the transfer function, None = from the host's tags. prior: None, a name or a callable
    ``prior(u, sigma) -> u``. flow: None (the default engine), a name or a callable. scene_cuts: True (own detector and
    the host's props), False, "props", or the frame numbers that open a scene. max_memory: bytes, None = half of the
    device's memory, 4 GiB at most. solver: "keyframes", "unrolled", "unrolled:PATH", None for the preset's own. mode:
    "joint", "frame" (each frame by itself), or "auto" (jointly where the motion is to be trusted). duplicates: whether
    frames that repeat the one before are found and left out. timed: which of "shutter" and "readout" were given as
    times, and so are parts of the period of frames whether these repeat or not.
    """

    factor: Fraction = Fraction(1)
    shutter: float = DEFAULT_SHUTTER
    transfer: str | None = None
    preset: str = "balanced"
    prior: str | Callable[..., Any] | None = None
    flow: str | Callable[..., Any] | None = None
    scene_cuts: SceneCuts = True
    device: str | None = None
    max_memory: int | None = None
    quadrature: str = "integral"
    solver: str | None = None
    auto_shutter: bool = False
    out_shutter: float = 0.0
    readout: float = 0.0
    mode: str = "joint"
    duplicates: bool = True
    timed: frozenset[str] = frozenset()

    @property
    def by_frame(self) -> bool:
        """Whether every output comes from one source frame alone: nothing is asked of its neighbours."""
        return self.mode == "frame" and self.factor == 1 and not self.out_shutter and not self.readout

    @property
    def finds_repeats(self) -> bool:
        """Whether repeated frames are looked for."""
        return self.duplicates and not self.by_frame

    @property
    def uses_detector(self) -> bool:
        """Whether cuts are found by the detector."""
        return self.scene_cuts is True and not self.by_frame


def parse_options(
    *,
    rate: Fraction | None = None,
    factor: int | float | str | Fraction = 1,
    fps_num: int | None = None,
    fps_den: int | None = None,
    shutter: float | str | None = None,
    transfer: str | None = None,
    preset: str = "balanced",
    prior: str | Callable[..., Any] | None = None,
    flow: str | Callable[..., Any] | None = None,
    scene_cuts: bool | str | Iterable[int] = True,
    device: str | None = None,
    max_memory: int | str | None = None,
    quadrature: str = "integral",
    solver: str | None = None,
    out_shutter: float | str = 0,
    readout: float | str = 0,
    mode: str = "joint",
    duplicates: bool = True,
) -> Options:
    """Check every shared argument. ``rate`` is the source's frame rate, None where the host does not know it.

    Raises ArgumentError naming the argument, the value and what would work.
    """
    from vsdeblur.colour.transfer import KNOWN, is_known

    if transfer == FIT:
        wanted = f"used with a file that is transcoded or with restore; here None or one of {KNOWN}"
        raise ArgumentError("transfer", transfer, f"{wanted} (vsdeblur.estimate_response finds that, once for a clip)")
    if transfer is not None and not is_known(transfer):
        raise ArgumentError("transfer", transfer, f"None or one of {KNOWN}")
    if preset not in PRESETS:
        raise ArgumentError("preset", preset, "one of " + ", ".join(PRESETS))
    if quadrature not in QUADRATURES:
        raise ArgumentError("quadrature", quadrature, "one of " + ", ".join(QUADRATURES))
    if solver is not None and solver not in SOLVERS and not str(solver).startswith("unrolled:"):
        raise ArgumentError("solver", solver, "None, " + ", ".join(SOLVERS) + ' or "unrolled:PATH"')
    if mode not in MODES:
        raise ArgumentError("mode", mode, "one of " + ", ".join(MODES))
    if not isinstance(duplicates, bool):
        raise ArgumentError("duplicates", duplicates, "True (repeated frames are left out) or False")
    if mode == "frame" and solver is not None:
        raise ArgumentError("solver", solver, 'None with mode="frame", which solves nothing jointly')
    options = Options(
        factor=resolve_factor(factor, fps_num, fps_den, rate),
        shutter=DEFAULT_SHUTTER if shutter is None or is_auto(shutter) else parse_shutter(shutter, rate),
        auto_shutter=is_auto(shutter),
        out_shutter=parse_out_shutter(out_shutter),
        readout=parse_readout(readout, rate),
        transfer=transfer,
        preset=preset,
        prior=_name_or_callable("prior", prior),
        flow=_name_or_callable("flow", flow),
        scene_cuts=parse_scene_cuts(scene_cuts),
        device=parse_device(device),
        max_memory=parse_memory(max_memory),
        quadrature=quadrature,
        solver=solver,
        mode=mode,
        duplicates=duplicates,
        timed=frozenset(name for name, value in (("shutter", shutter), ("readout", readout)) if is_time(value)),
    )
    return replace(options, auto_shutter=False) if options.by_frame else options  # no shutter plays a part


def parse_factor(value: int | float | str | Fraction) -> Fraction:
    """An int, Fraction, float or "5/2" from 1 to 16."""
    wanted = f'a number or a fraction such as "5/2" from 1 to {MAX_FACTOR}'
    if isinstance(value, bool):
        raise ArgumentError("factor", value, wanted)
    try:
        factor = Fraction(value).limit_denominator(1_000_000)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        raise ArgumentError("factor", value, wanted) from None
    if not 1 <= factor <= MAX_FACTOR:
        raise ArgumentError("factor", value, wanted)
    return factor


def parse_fps(value: int | float | str | Fraction, name: str = "fps") -> Fraction:
    """A frame rate; the usual decimal names of NTSC rates mean their exact fractions: 59.94 is 60000/1001."""
    wanted = 'a positive frame rate such as 60, 59.94 or "60000/1001"'
    try:
        fps = Fraction(str(value) if isinstance(value, float) else value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        raise ArgumentError(name, value, wanted) from None
    if not 0 < fps <= 10_000:
        raise ArgumentError(name, value, wanted)
    ntsc = Fraction(math.ceil(fps) * 1000, 1001)
    if fps.denominator != 1 and abs(float(fps - ntsc)) < 0.006:
        return ntsc
    return fps


def resolve_factor(
    factor: int | float | str | Fraction, fps_num: int | None, fps_den: int | None, rate: Fraction | None
) -> Fraction:
    """fps_num / fps_den, given together, override factor and need a clip with a rate."""
    if fps_num is None and fps_den is None:
        return parse_factor(factor)
    for name, value in (("fps_num", fps_num), ("fps_den", fps_den)):
        if value is None:
            raise ArgumentError(name, value, "given together with the other of fps_num and fps_den")
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ArgumentError(name, value, "a positive integer")
    if not rate:
        raise ArgumentError("fps_num", fps_num, "left out for a clip without a frame rate (use factor)")
    assert fps_num is not None
    assert fps_den is not None
    wanted = Fraction(fps_num, fps_den)
    if not rate <= wanted <= MAX_FACTOR * rate:
        raise ArgumentError("fps_num/fps_den", str(wanted), f"from {rate} to {MAX_FACTOR * rate} for this clip")
    return wanted / rate


def is_time(value: float | str | None) -> bool:
    """Whether a shutter or readout is a time rather than a part of the period."""
    return isinstance(value, str) and value.strip().endswith("s")


def is_auto(shutter: float | str | None) -> bool:
    """Whether the shutter is to be estimated from the clip."""
    return shutter is None or shutter == AUTO


def parse_shutter(value: float | str, rate: Fraction | None) -> float:
    """The open fraction of the period from 0.5, "0.5", "180deg" or "1/60s"."""
    wanted = 'a fraction of the period in (0, 1], "180deg", "1/60s" or "auto"'
    if value == TELEMETRY:
        raise ArgumentError("shutter", value, f"used with a file that is transcoded or inspected; here {wanted}")
    try:
        if isinstance(value, bool):
            raise ValueError
        if isinstance(value, str):
            match = re.fullmatch(r"\s*([0-9.eE+/-]+?)\s*(deg|°|ms|s|)\s*", value)
            if not match:
                raise ValueError
            number, unit = Fraction(match[1]), match[2]
            shutter = float(number / 360 if unit in ("deg", "°") else _periods("shutter", value, number, unit, rate))
        else:
            shutter = float(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError("shutter", value, wanted) from None
    if not 0 < shutter <= 1:
        raise ArgumentError("shutter", value, wanted)
    return shutter


def parse_readout(value: float | str, rate: Fraction | None) -> float:
    """The time from the first row's exposure to the last one's as a fraction of the period: 0.6, "16ms" or "1/60s"."""
    wanted = 'a fraction of the period in [0, 1) or a time shorter than it such as "16ms"; 0 for a global shutter'
    if value == TELEMETRY:
        raise ArgumentError("readout", value, f"used with a file that is transcoded; here {wanted}")
    if value == AUTO:
        wanted += " (vsdeblur.estimate_readout finds it, once for a whole clip)"
        raise ArgumentError("readout", value, f"used with a file that is transcoded or with restore; here {wanted}")
    try:
        if isinstance(value, bool):
            raise ValueError
        match = re.fullmatch(r"\s*([0-9.eE+/-]+?)\s*(ms|s|)\s*", value) if isinstance(value, str) else None
        readout = float(_periods("readout", value, Fraction(match[1]), match[2], rate) if match else value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError("readout", value, wanted) from None
    if not 0 <= readout < 1:
        raise ArgumentError("readout", value, wanted)
    return readout


def _periods(name: str, value: Any, number: Fraction, unit: str, rate: Fraction | None) -> Fraction:
    """A number in periods, seconds ("s") or milliseconds ("ms") as periods."""
    if unit not in ("s", "ms"):
        return number
    if not rate:
        raise ArgumentError(name, value, "a fraction of the period for a clip without a frame rate")
    return number * (rate if unit == "s" else rate / 1000)


def parse_out_shutter(value: float | str) -> float:
    """The part of an output's period that it is blurred over, in [0, 1], from 0.5, "0.5" or "180deg"."""
    wanted = 'a fraction of the output period in [0, 1] or "180deg"; 0 leaves it sharp'
    try:
        if isinstance(value, bool):
            raise ValueError
        degrees = re.fullmatch(r"\s*([0-9.]+)\s*(deg|°)\s*", value) if isinstance(value, str) else None
        out = float(degrees[1]) / 360 if degrees else float(value)
    except (TypeError, ValueError):
        raise ArgumentError("out_shutter", value, wanted) from None
    if not 0 <= out <= 1:
        raise ArgumentError("out_shutter", value, wanted)
    return out


def parse_memory(value: int | str | None) -> int | None:
    """Bytes from an int or from "4GiB", "512MiB", "1.5G"."""
    wanted = 'a positive number of bytes or a size such as "4GiB"'
    if value is None:
        return None
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*", value.lower())
        if not match:
            raise ArgumentError("max_memory", value, wanted)
        size = int(float(match[1]) * _UNITS[match[2]])
    elif isinstance(value, bool) or not isinstance(value, int):
        raise ArgumentError("max_memory", value, wanted)
    else:
        size = value
    if size <= 0:
        raise ArgumentError("max_memory", value, wanted)
    return size


def parse_scene_cuts(value: bool | str | Iterable[int]) -> SceneCuts:
    """True, False, "props", or the numbers of the frames that open a scene."""
    wanted = 'True, False, "props" or a list of frame numbers'
    if isinstance(value, bool):
        return value
    if value == "props":
        return "props"
    if isinstance(value, int) and value in (0, 1):  # VapourSynth scripts write booleans as 0 and 1
        return bool(value)
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise ArgumentError("scene_cuts", value, wanted)
    frames = list(value)
    if not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in frames):
        raise ArgumentError("scene_cuts", value, wanted)
    return frozenset(frames)


def parse_device(value: str | None) -> str | None:
    """None (the best there is), "cpu", "cuda", "cuda:N" or "mps"; availability is checked when the engine starts."""
    if value is None or (isinstance(value, str) and re.fullmatch(r"cpu|mps|cuda(:\d+)?", value)):
        return value
    raise ArgumentError("device", value, '"cpu", "cuda", "cuda:0" or "mps"')


def _name_or_callable(name: str, value: Any) -> Any:
    if value is None or isinstance(value, str) or callable(value):
        return value
    raise ArgumentError(name, value, "None, a name or a callable")
