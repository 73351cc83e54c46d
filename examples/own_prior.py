"""Somebody else's video denoiser as the prior, by its file: a recurrent one, declared as VRT and RVRT would be.

Saves a small model that goes through the frames forwards and backwards as TorchScript, with the declaration that says
how it is to be called, and restores a noisy generated scene with it. Run it with: python examples/own_prior.py
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsdeblur import restore
from vsdeblur.synthetic.scene import Scene, film

HEIGHT, WIDTH, PERIODS, FACTOR, NOISE = 96, 128, 4, 4, 8 / 255

DECLARATION = """\
frames = 5           # of a window; the middle one is what is asked for
layout = "BTCHW"     # its input: (1, 5, 3 + 1, H, W)
noise = "channel"    # the noise's deviation is a fourth channel of every frame
output = "all"       # it gives back all five frames
sigma = [0, 55]      # noise that it was made for, of 255
halo = 8             # pixels that it looks around itself
align = 1            # sizes that it takes are multiples of this
memory = 200         # values that it holds per pixel, for the memory plan
"""


class BothWays(nn.Module):
    """Frames with a map of their noise (B, T, 4, H, W) in, all frames without noise (B, T, 3, H, W) out.

    A state goes from frame to frame, takes each as far as the two agree, and comes back the other way. Any network of
    this form would do; this one has two numbers in the place of weights, so that the example needs no download.
    """

    def __init__(self) -> None:
        super().__init__()
        self.keep = nn.Parameter(torch.tensor(0.75))
        self.edge = nn.Parameter(torch.tensor(1.5))

    def forward(self, frames: Tensor) -> Tensor:
        x, sigma = frames[:, :, :3], frames[:, :, 3:]
        forwards, backwards = self.through(x, sigma), self.through(x.flip(1), sigma.flip(1)).flip(1)
        return (forwards + backwards) / 2

    def through(self, x: Tensor, sigma: Tensor) -> Tensor:
        state = x[:, 0]
        out = [state]
        for n in range(1, x.shape[1]):
            apart = F.avg_pool2d((state - x[:, n]).square().mean(1, keepdim=True), 5, 1, 2, count_include_pad=False)
            agree = self.keep * torch.exp(-apart / (2 * (self.edge * sigma[:, n]).square() + 1e-8))
            state = x[:, n] + agree * (state - x[:, n])
            out.append(state)
        return torch.stack(out, 1)


def main() -> None:
    sharp, blurry = (
        torch.from_numpy(x).permute(0, 3, 1, 2).float() / 255
        for x in film(Scene(HEIGHT, WIDTH), PERIODS, FACTOR, 1.0, lambda light: light)
    )
    noisy = blurry + NOISE * torch.randn(blurry.shape, generator=torch.Generator().manual_seed(0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "both-ways.pt"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch.jit is old, and what most published models can be saved by
            torch.jit.script(BothWays().eval()).save(str(path))
        path.with_suffix(".toml").write_text(DECLARATION)
        inner = slice(FACTOR, -FACTOR)
        for name, prior in (("none", None), ("tv", "tv"), ("own", f"torchscript:{path}")):
            u = restore(noisy, FACTOR, prior=prior, solver="keyframes")  # without the learned step, to tell them apart
            psnr = -10 * float((u[inner].clamp(0, 1) - sharp[inner]).square().mean().log10())
            print(f"{name:8s} {psnr:.2f} dB")


if __name__ == "__main__":
    main()
