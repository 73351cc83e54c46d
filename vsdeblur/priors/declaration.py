"""What a model that a user brings says of itself: a small file beside it, ``denoiser.toml`` for ``denoiser.onnx``.

A file of weights and operations does not say how many frames it takes, in which order, how far it looks or which unit
its noise has. All of that is one table, in TOML or JSON; every entry has a check and every mistake one line.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from vsdeblur.errors import DeblurError
from vsdeblur.external import line

LAYOUTS = ("BCHW", "BTCHW", "BCTHW", "stacked")
OUTPUTS = ("middle", "all")
NOISES = ("map", "channel", "number", "none")
COLOURS = ("rgb", "bgr", "grey")
MOST_FRAMES, MOST_HALO, MOST_ALIGN, MOST_TILE, MOST_MEMORY = 31, 512, 64, 4096, 1_000_000
_LONGEST = 1 << 16  # bytes of the file


@dataclass(frozen=True, slots=True)
class Declaration:
    """The entries of the file, checked.

    Attributes:
        halo: Pixels from which an input can still change an output value. The only entry that must be there.
        frames: How many it takes, an odd number; the middle one is denoised. 1 for a model of single pictures.
        layout: Of its first input: "BCHW" for pictures; for frames "BTCHW", "BCTHW", or "stacked", (B, T C, H, W).
        output: "middle", one picture, or "all", as many frames as went in and in the same layout.
        noise: How it gets the noise's deviation: a second input (B, 1, H, W), "map"; a further "channel" of every
            frame (of "stacked" ones, once, at the end); a second input (B,), "number"; or "none" for a blind model.
        sigma: Least and most noise that it was trained with, in 1/255 of the range from black to white. Of less than
            the least it takes away its share of what it takes at the least; more than the most is treated as that.
        values: What it takes for black and for white.
        colour: "rgb", "bgr", or "grey" for a model of one channel, which then sees every channel by itself.
        align: Height and width are multiples of it.
        tile: Height and width of its input where it takes no other size, None where it takes any.
        memory: float32 values that it holds per pixel at work, for the memory plan.
    """

    halo: int
    frames: int = 1
    layout: str = ""
    output: str = "middle"
    noise: str = "map"
    sigma: tuple[float, float] = (0.0, 55.0)
    values: tuple[float, float] = (0.0, 1.0)
    colour: str = "rgb"
    align: int = 8
    tile: tuple[int, int] | None = None
    memory: int = 600

    @property
    def gain(self) -> float:
        """From display values, black 0 and white 1, to the model's."""
        return self.values[1] - self.values[0]

    @property
    def colours(self) -> int:
        """Channels of a frame, without one of noise."""
        return 1 if self.colour == "grey" else 3


def declaration_beside(model: Path) -> tuple[Declaration, Path]:
    """The declaration of a model, and its file.

    Args:
        model: ``FOLDER/NAME.ANYTHING``; the file is ``FOLDER/NAME.toml`` or ``FOLDER/NAME.json``.

    Raises:
        DeblurError: There is none, there are two, or an entry is wrong.
    """
    found = [path for path in (model.with_suffix(".toml"), model.with_suffix(".json")) if os.path.isfile(path)]
    if not found:
        raise DeblurError(
            f"prior: {model} has no declaration: write {model.with_suffix('.toml').name} beside it, with at least "
            f"'halo = N', the pixels that it looks around itself"
        )
    if len(found) > 1:
        raise DeblurError(f"prior: {model} has two declarations, {found[0].name} and {found[1].name}: remove one")
    return _checked(_read(found[0]), found[0]), found[0]


def _read(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST + 1)
        if len(data) > _LONGEST:
            raise ValueError(f"it is longer than {_LONGEST} bytes")
        text = data.decode()
        content = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        if not isinstance(content, dict):
            raise ValueError("it is no table of names and values")
    except (OSError, ValueError, RecursionError) as error:  # what TOML, JSON and Unicode refuse are ValueErrors
        raise DeblurError(f"prior: {path} is not readable: {line(error)}") from error
    return content


def _checked(content: Mapping[str, Any], path: Path) -> Declaration:
    known = {field.name for field in fields(Declaration)}
    values: dict[str, Any] = {}
    for name, value in content.items():
        if name not in known:
            close = get_close_matches(name, known, 1, 0.5)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(known))}"
            raise DeblurError(f"prior: {path} has an entry {name!r} that does not exist: {hint}")
        wanted, check = _CHECKS[name]
        try:
            values[name] = check(value)
        except (TypeError, ValueError):
            raise _wrong(path, name, wanted, value) from None
    if "halo" not in values:
        raise DeblurError(f"prior: {path} lacks 'halo = N', the pixels that the model looks around itself")
    frames = values.get("frames", 1)
    values.setdefault("layout", "BCHW" if frames == 1 else "BTCHW")
    if (values["layout"] == "BCHW") != (frames == 1):
        wanted = '"BCHW" for frames = 1' if frames == 1 else '"BTCHW", "BCTHW" or "stacked" for several frames'
        raise _wrong(path, "layout", wanted, values["layout"])
    made = Declaration(**values)
    if made.output == "all" and frames == 1:
        raise _wrong(path, "output", '"middle" for frames = 1', made.output)
    if made.output == "all" and made.layout == "stacked" and made.noise == "channel":
        raise _wrong(path, "output", '"middle" where frames are stacked with a channel of noise', made.output)
    if made.tile is not None:
        if min(made.tile) <= 2 * made.halo:
            raise _wrong(path, "tile", f"larger than twice the halo, {2 * made.halo}", list(made.tile))
        if any(side % made.align for side in made.tile):
            raise _wrong(path, "tile", f"a multiple of align, {made.align}", list(made.tile))
    return made


def _wrong(path: Path, name: str, wanted: str, value: object) -> DeblurError:
    shown = " ".join(repr(value).split())
    return DeblurError(
        f"prior: {path}: {name} must be {wanted}, not {shown if len(shown) <= 80 else shown[:77] + '...'}"
    )


def _whole(least: int, most: int, *, odd: bool = False) -> tuple[str, Callable[[Any], Any]]:
    def check(value: Any) -> int:
        if (
            isinstance(value, bool)
            or not isinstance(value, int)
            or not least <= value <= most
            or (odd and not value % 2)
        ):
            raise ValueError
        return value

    return f"{'an odd' if odd else 'a whole'} number from {least} to {most}", check


def _choice(names: tuple[str, ...]) -> tuple[str, Callable[[Any], Any]]:
    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in names:
            raise ValueError
        return value

    return "one of " + ", ".join(names), check


def _ends(wanted: str, least: float, most: float) -> tuple[str, Callable[[Any], Any]]:
    def check(value: Any) -> tuple[float, float]:
        if not isinstance(value, list) or any(
            isinstance(end, bool) or not isinstance(end, int | float) for end in value
        ):
            raise TypeError
        low, high = map(float, value)
        if not least <= low < high <= most:
            raise ValueError
        return low, high

    return wanted, check


def _size() -> tuple[str, Callable[[Any], Any]]:
    def check(value: Any) -> tuple[int, int]:
        sides = [value, value] if isinstance(value, int) else value
        if not isinstance(sides, list) or len(sides) != 2:
            raise TypeError
        if any(isinstance(side, bool) or not isinstance(side, int) or not 8 <= side <= MOST_TILE for side in sides):
            raise ValueError
        return sides[0], sides[1]

    return f"a side or [height, width] from 8 to {MOST_TILE}", check


_CHECKS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "halo": _whole(0, MOST_HALO),
    "frames": _whole(1, MOST_FRAMES, odd=True),
    "layout": _choice(LAYOUTS),
    "output": _choice(OUTPUTS),
    "noise": _choice(NOISES),
    "sigma": _ends("[least, most] in 1/255, from 0 to 255", 0, 255),
    "values": _ends("[black, white], two numbers in ascending order within 65536 of 0", -65536, 65536),
    "colour": _choice(COLOURS),
    "align": _whole(1, MOST_ALIGN),
    "tile": _size(),
    "memory": _whole(1, MOST_MEMORY),
}
