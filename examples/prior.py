"""A video model of another package as the prior: here one made of kornia's filters, in the place of any network.

Films a generated scene with a slow shutter, adds noise, and restores it without a prior, with total variation, with the
project's denoiser and with the model below. Run it with: python examples/prior.py
"""

from __future__ import annotations

import kornia
import torch
from torch import Tensor, nn

from vsdeblur import restore
from vsdeblur.footprint import TileFootprint
from vsdeblur.synthetic.scene import Scene, film

HEIGHT, WIDTH, PERIODS, FACTOR, NOISE = 96, 128, 4, 4, 8 / 255


class TimeAndSpace(nn.Module):
    """Frames (B, T, 3, H, W) and a noise map (B, 1, H, W) in, the middle frames out: what many video denoisers take.

    The mean of what agrees over time guides a bilateral filter (kornia) of the middle frame's surroundings.
    """

    def forward(self, frames: Tensor, noise_map: Tensor) -> Tensor:
        sigma = float(noise_map.mean())
        middle = frames[:, frames.shape[1] // 2]
        apart = kornia.filters.gaussian_blur2d((frames - middle[:, None]).flatten(0, 1), (5, 5), (1.2, 1.2))
        agrees = torch.exp(-(apart.view_as(frames).square().mean(2, keepdim=True)) / (2 * sigma**2))
        guide = (agrees * frames).sum(1) / agrees.sum(1)
        return kornia.filters.joint_bilateral_blur(guide, guide, 5, 1.2 * sigma, (1.0, 1.0))


class ModelPrior:
    """Any such model as a ``VideoPrior``: ``middle`` gets five frames that the solver aligned.

    A model that wants the noise map as a fourth channel of every frame (VRT, RVRT) would be called as
    ``model(torch.cat((frames, noise_map[:, None].expand(-1, 5, -1, -1, -1)), 2))[:, 2]``.
    """

    name = "kornia"
    halo = 4  # pixels that the model looks around itself
    frames = 5

    def __init__(self, model: nn.Module) -> None:
        self.model = model.eval()

    def footprint(self, channels: int) -> TileFootprint:
        return TileFootprint(working=400)  # values per pixel of a frame, for the memory plan

    def middle(self, frames: Tensor, sigma: float) -> Tensor:
        noise_map = frames.new_full((len(frames), 1, *frames.shape[-2:]), sigma)
        return self.model(frames, noise_map)

    def __call__(self, u: Tensor, sigma: float) -> Tensor:
        """A whole video, neighbours as they are: for solvers on all sub-frames."""
        around = torch.arange(-2, 3)
        return torch.cat([self.middle(u[(n + around).clamp(0, len(u) - 1)][None], sigma) for n in range(len(u))])


def main() -> None:
    sharp, blurry = (
        torch.from_numpy(x).permute(0, 3, 1, 2).float() / 255
        for x in film(Scene(HEIGHT, WIDTH), PERIODS, FACTOR, 1.0, lambda light: light)
    )
    noisy = blurry + NOISE * torch.randn(blurry.shape, generator=torch.Generator().manual_seed(0))
    inner = slice(FACTOR, -FACTOR)
    for name, prior in (
        ("none", None),
        ("tv", "tv"),
        ("video", "video"),
        ("kornia", ModelPrior(TimeAndSpace())),
    ):
        u = restore(noisy, FACTOR, prior=prior, solver="keyframes")  # without the learned step, to tell priors apart
        psnr = -10 * float((u[inner].clamp(0, 1) - sharp[inner]).square().mean().log10())
        print(f"{name:8s} {psnr:.2f} dB")


if __name__ == "__main__":
    main()
