"""One picture, blurred by a hand that shook: the blur is found in it, and drawn; the picture comes back sharper.

Writes blurry.png, sharp.png and kernels.png into the folder that is named, or the current one.
Run it with: python examples/still.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from vsdeblur.bench.scene import Scene
from vsdeblur.blind import restore_frame
from vsdeblur.blind.draw import draw_kernels, grid_points, strokes
from vsdeblur.colour.transfer import from_linear
from vsdeblur.stills.deblur import save
from vsdeblur.stills.still import Still, encode_still

SIZE = 192, 256  # height, width
STEPS = 9  # pixels that the hand moved


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
    truth = torch.from_numpy(np.ascontiguousarray(Scene(*SIZE).at(0.0).transpose(2, 0, 1))).float()
    blurry = from_linear(shaken(truth), "srgb")
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
