"""Deblurring tensors, with no host and no files: a square moves while the shutter is open.

Run it with: python examples/tensors.py
"""

from __future__ import annotations

import torch

from vsdeblur import restore

FACTOR, OPEN = 8, 5  # of every 8 instants the shutter sees the first 5


def sharp_clip(periods: int = 6, height: int = 64, width: int = 96) -> torch.Tensor:
    """A textured square over a textured ground, (periods * FACTOR, 3, height, width) in [0, 1]."""
    generator = torch.Generator().manual_seed(1)

    def texture(h: int, w: int) -> torch.Tensor:
        coarse = torch.rand(1, 3, h // 4, w // 4, generator=generator)
        return torch.nn.functional.interpolate(coarse, size=(h, w), mode="bilinear")[0]

    ground, square = 0.6 * texture(height, width), 0.4 + 0.6 * texture(24, 24)
    frames = []
    for k in range(periods * FACTOR):
        frame = ground.clone()
        left = 8 + k  # one pixel per instant, eight per frame of the blurry clip
        frame[:, 20:44, left : left + 24] = square
        frames.append(frame)
    return torch.stack(frames)


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(-10 * torch.log10(torch.mean((a - b) ** 2)))


def main() -> None:
    sharp = sharp_clip()
    blurry = sharp.unflatten(0, (-1, FACTOR))[:, :OPEN].mean(dim=1)  # (6, 3, 64, 96)

    # These values were averaged as they are, so they are their own light ("linear"); footage would say "bt709" or
    # "srgb". "taps" says that the blur is the mean of a few instants, as here, and not of continuous light.
    restored = restore(blurry, factor=FACTOR, shutter=OPEN / FACTOR, transfer="linear", quadrature="taps")

    inner = slice(FACTOR, -FACTOR)  # the first and the last frame have a neighbour on one side only
    before = psnr(blurry.repeat_interleave(FACTOR, dim=0)[inner], sharp[inner])
    after = psnr(restored[inner], sharp[inner])
    print(f"{tuple(blurry.shape)} -> {tuple(restored.shape)}")
    print(f"PSNR {before:.2f} dB -> {after:.2f} dB")


if __name__ == "__main__":
    main()
