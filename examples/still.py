"""One picture, blurred by a hand that shook: the blur is found in it, and drawn; the picture comes back sharper.

Writes blurry.png, sharp.png and kernels.png into the folder that is named, or the current one.
Run it with: python examples/still.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import torch

from vsdeblur.blind import restore_frame
from vsdeblur.blind.draw import draw_kernels, grid_points, strokes
from vsdeblur.colour.transfer import from_linear
from vsdeblur.stills.deblur import save
from vsdeblur.stills.still import Still, encode_still

SIZE = 192, 256  # height, width
STEPS = 9  # pixels that the hand moved


def painted(seed: int = 3) -> torch.Tensor:
    """(3, H, W) linear light: discs, polygons and lines of all colours, one over the other."""
    rng = np.random.default_rng(seed)
    height, width = (2 * n for n in SIZE)
    canvas = np.full((height, width, 3), 0.5, np.float32) * np.linspace(0.6, 1.2, width, dtype=np.float32)[:, None]
    for _ in range(40):
        colour = tuple(float(c) for c in rng.uniform(0.02, 1, 3))
        x, y = (int(v) for v in rng.uniform(0, (width, height)))
        radius, kind = int(rng.uniform(12, 70)), rng.integers(3)
        if kind == 0:
            cv2.circle(canvas, (x, y), radius, colour, -1, cv2.LINE_AA)
        elif kind == 1:
            corners = (rng.uniform(-1, 1, (4, 2)) * radius + (x, y)).astype(np.int32)
            cv2.fillPoly(canvas, [corners], colour, cv2.LINE_AA)
        else:
            end = int(x + rng.uniform(-150, 150)), int(y + rng.uniform(-150, 150))
            cv2.line(canvas, (x, y), end, colour, int(rng.integers(2, 7)), cv2.LINE_AA)
    small = cv2.resize(canvas, SIZE[::-1], interpolation=cv2.INTER_AREA)
    return torch.from_numpy(np.ascontiguousarray(small.transpose(2, 0, 1))).clamp(0, 1)


def shaken(light: torch.Tensor) -> torch.Tensor:
    """The mean of (3, H, W) linear light over a path that goes down to the right, more and more across."""
    path = [(round(t * t / STEPS), t) for t in range(STEPS)]  # pixels down, pixels across
    middle = path[STEPS // 2]
    moves = [torch.roll(light, (down - middle[0], across - middle[1]), (-2, -1)) for down, across in path]
    return torch.stack(moves).mean(0)


def write(path: Path, picture: torch.Tensor) -> None:
    """(3, H, W) in [0, 1] as 8 bits."""
    save(path, encode_still(Still(picture.clamp(0, 1), 8), "png"))


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    blurry = from_linear(shaken(painted()), "srgb")
    grain = torch.randn(blurry.shape, generator=torch.Generator().manual_seed(0))
    blurry = ((blurry + 0.005 * grain) * 255).round() / 255

    sharp, blur = restore_frame(blurry, transfer="srgb")

    lengths, angles = strokes(blur.kernels(grid_points(blur.size)))
    print(f"blur: strokes of {lengths.median():.1f} px, most at {angles.median():.0f} degrees")
    energy = [float((x[..., 1:] - x[..., :-1]).square().mean()) for x in (blurry, sharp)]
    print(f"energy of the gradients: {energy[1] / energy[0]:.2f} times that of the blurry picture")
    for name, picture in (("blurry", blurry), ("sharp", sharp), ("kernels", draw_kernels(blurry, blur))):
        write(folder / f"{name}.png", picture)
    print("wrote blurry.png, sharp.png and kernels.png")


if __name__ == "__main__":
    main()
