"""What a model that a user brings says of itself: a small file beside it, ``denoiser.toml`` for ``denoiser.onnx``.

A file of weights and operations does not say how many frames it takes, in which order, how far it looks or which unit
its noise has. All of that is one table, in TOML or JSON; every entry has a check and every mistake one line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vsdeblur.errors import DeblurError
from vsdeblur.foreign import sidecar
from vsdeblur.foreign.sidecar import Check

MOST_HALO = 512  # pixels


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
    least = "'halo = N', the pixels that it looks around itself"
    values, path = sidecar.read_beside(model, _CHECKS, "prior", least)
    return _checked(values, path), path


def _checked(values: dict[str, Any], path: Path) -> Declaration:
    """With what the entries have to do with one another."""

    def wrong(name: str, wanted: str, value: object) -> DeblurError:
        return sidecar.wrong("prior", path, name, wanted, value)

    if "halo" not in values:
        raise DeblurError(f"prior: {path} lacks 'halo = N', the pixels that the model looks around itself")
    frames = values.get("frames", 1)
    values.setdefault("layout", "BCHW" if frames == 1 else "BTCHW")
    if (values["layout"] == "BCHW") != (frames == 1):
        wanted = '"BCHW" for frames = 1' if frames == 1 else '"BTCHW", "BCTHW" or "stacked" for several frames'
        raise wrong("layout", wanted, values["layout"])
    made = Declaration(**values)
    if made.output == "all" and frames == 1:
        raise wrong("output", '"middle" for frames = 1', made.output)
    if made.output == "all" and made.layout == "stacked" and made.noise == "channel":
        raise wrong("output", '"middle" where frames are stacked with a channel of noise', made.output)
    if made.tile is not None:
        if min(made.tile) <= 2 * made.halo:
            raise wrong("tile", f"larger than twice the halo, {2 * made.halo}", list(made.tile))
        if any(side % made.align for side in made.tile):
            raise wrong("tile", f"a multiple of align, {made.align}", list(made.tile))
    return made


def _size() -> Check:
    def check(value: Any) -> tuple[int, int]:
        sides = [value, value] if isinstance(value, int) else value
        if not isinstance(sides, list) or len(sides) != 2:
            raise TypeError
        most = sidecar.MOST_TILE
        if any(isinstance(side, bool) or not isinstance(side, int) or not 8 <= side <= most for side in sides):
            raise ValueError
        return sides[0], sides[1]

    return f"a side or [height, width] from 8 to {sidecar.MOST_TILE}", check


_CHECKS: Mapping[str, Check] = {
    "halo": sidecar.whole(0, MOST_HALO),
    "frames": sidecar.whole(1, sidecar.MOST_FRAMES, odd=True),
    "layout": sidecar.choice("BCHW", "BTCHW", "BCTHW", "stacked"),
    "output": sidecar.choice("middle", "all"),
    "noise": sidecar.choice("map", "channel", "number", "none"),
    "sigma": sidecar.ends("[least, most] in 1/255, from 0 to 255", 0, 255),
    "values": sidecar.VALUES,
    "colour": sidecar.COLOURS,
    "align": sidecar.ALIGN,
    "tile": _size(),
    "memory": sidecar.whole(1, sidecar.MOST_MEMORY),
}
