"""What a prior is shown of the key frames: aligned neighbours, display values, no alpha; and what it takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.support.priors import Spy, VideoSpy
from vsdeblur import restore
from vsdeblur.colour.transfer import from_linear, to_linear
from vsdeblur.engine.engine import Engine
from vsdeblur.engine.plan import make_plan
from vsdeblur.engine.solve_tiles import tiling
from vsdeblur.errors import MemoryBudgetError
from vsdeblur.flow.motion import Motion
from vsdeblur.priors.aligned import aligned
from vsdeblur.priors.video_net import VideoNet
from vsdeblur.settings import Options
from vsdeblur.solver.keyframes import KeyFrameProblem
from vsdeblur.solver.zstep import ZStep
from vsdeblur.synthetic.scene import Scene, film

COUNT, SPEED = 5, 2
SIZE = (24, 40)


def sliding() -> tuple[Tensor, Tensor, Tensor]:
    """Frames of a texture that slides to the right, its path and what is seen in the neighbours."""
    wide = torch.rand(1, 3, SIZE[0], SIZE[1] + COUNT * SPEED, generator=torch.Generator().manual_seed(0))
    starts = [(COUNT - 1 - n) * SPEED for n in range(COUNT)]
    frames = torch.cat([wide[..., x : x + SIZE[1]] for x in starts])
    path = torch.zeros(COUNT, 4, *SIZE)
    path[:, 0] = SPEED
    seen = torch.ones(COUNT, 2, *SIZE)
    seen[-1, 0] = seen[0, 1] = 0
    return frames, path, seen


def test_neighbours_are_moved_to_the_frame() -> None:
    frames, path, seen = sliding()
    around = aligned(frames, 2, path, seen, (1.0,) * COUNT)
    inner = slice(2 * SPEED + 1, -2 * SPEED - 1)
    assert not torch.allclose(frames[..., inner], frames[2][..., inner], atol=0.1)
    assert torch.allclose(around[..., inner], frames[2][..., inner].expand(5, -1, -1, -1), atol=1e-4)


def test_what_a_neighbour_does_not_show_is_the_frame_itself() -> None:
    frames, path, seen = sliding()
    frames = frames + 0.1 * torch.randn(frames.shape, generator=torch.Generator().manual_seed(1))
    seen[2, 0, :8] = 0  # hidden in frame 3, and so for frame 4
    around = aligned(frames, 2, path, seen, (1.0,) * COUNT)
    assert torch.equal(around[3:, :, :8], frames[2, :, :8].expand(2, -1, -1, -1))
    assert not torch.equal(around[3, :, 9:, 8:-8], frames[2, :, 9:, 8:-8])
    assert not torch.equal(around[1, :, :8, 8:-8], frames[2, :, :8, 8:-8])
    # Frame 4 has no neighbours after it, and what comes from outside the picture is not made up.
    last = aligned(frames, 4, path, seen, (1.0,) * COUNT)
    assert torch.equal(last[3:], frames[4:].expand(2, -1, -1, -1))
    assert torch.allclose(around[1, :, :, -1], frames[1, :, :, -1 - SPEED], atol=1e-4)
    assert torch.equal(around[3, :, 8:, -1], frames[2, :, 8:, -1])


def problem(frames: Tensor, path: Tensor, seen: Tensor) -> KeyFrameProblem:
    return KeyFrameProblem(frames, path, seen, ((0.0,),) * COUNT, (1.0,) * COUNT)


@pytest.mark.parametrize("linear", [True, False])
def test_a_prior_sees_display_values_and_no_alpha(linear: bool) -> None:
    frames, path, seen = sliding()
    keys = torch.cat((frames * 2 - 0.2, frames[:, :1]), 1)  # below black, beyond white, alpha
    spy = Spy()
    z = ZStep(spy, linear)(keys, problem(frames, path, seen), 0.1, 3)
    wanted = from_linear(keys[:, :3], "bt709") if linear else keys[:, :3]
    assert torch.equal(spy.seen[0], wanted)
    assert torch.allclose(z, keys, atol=1e-5)
    assert torch.equal(z[:, 3:], keys[:, 3:])


def test_a_prior_of_five_frames_sees_each_with_its_neighbours() -> None:
    frames, path, seen = sliding()
    spy = VideoSpy()
    z = ZStep(spy, False)(frames, problem(frames, path, seen), 0.1, 3)
    assert torch.equal(z, frames)
    assert len(spy.seen) == COUNT
    assert torch.equal(spy.seen[2][0], aligned(frames, 2, path, seen, (1.0,) * COUNT))


def test_a_prior_gets_the_sensors_noise_and_no_texture() -> None:
    """Noise of the camera is the prior's sigma; fine texture without noise leaves it at rounding."""
    g = torch.Generator().manual_seed(0)
    fine = torch.rand(3, 3, 96, 128, generator=g).mul(0.4).add(0.3)
    texture = torch.nn.functional.avg_pool2d(fine, 3, 1, 1)
    ramp = torch.linspace(0.05, 0.9, 128).expand(3, 3, 96, 128)
    noisy = ramp + 5 / 255 * torch.randn(ramp.shape, generator=g)
    sigma = {}
    for name, stored in (("texture", texture), ("noise", noisy)):
        frames = to_linear(stored, "bt709")
        given = []
        restore(frames, 1, prior=lambda u, s, given=given: given.append(s) or u, solver="keyframes", preset="fast")
        sigma[name] = given[-1]
    assert sigma["texture"] < 1 / 255
    assert sigma["noise"] == pytest.approx(5 / 255, rel=0.4)


def test_tiles_overlap_by_the_halo() -> None:
    options = Options(transfer="linear")
    assert make_plan(options, 720, 1280, 3, 0).overlap == (32, 96)
    assert make_plan(options, 720, 1280, 3, 0, prior=Spy(halo=20)).overlap == (32, 96)
    wide = make_plan(options, 720, 1280, 3, 0, prior=Spy(halo=100))
    assert wide.overlap == (112, 112)
    motion = Motion(torch.zeros(3, 4, 90, 160), torch.ones(3, 1, 90, 160), torch.ones(3, 2, 90, 160))
    assert tiling(wide, motion) == (wide.tile, 112)


def test_the_engine_takes_it_by_name_and_counts_its_memory(tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_file(VideoNet().state_dict(), tmp_path / "net.safetensors")
    name = f"video:{tmp_path / 'net.safetensors'}"
    _, blurry = film(Scene(48, 64), 3, 2, 1.0, lambda light: light)
    v = torch.from_numpy(blurry).permute(0, 3, 1, 2).float() / 255
    # Untrained, it returns what it is given: only the u-steps in between are more.
    difference = restore(v, 2, prior=name) - restore(v, 2)
    assert 0 < float(difference.abs().mean()) < 0.01
    grey = restore(v[:, :1], 2, prior=name)
    assert grey.shape == (6, 1, 48, 64)
    options = Options(prior=name, transfer="linear")
    plain = make_plan(Options(transfer="linear", max_memory=3 * 2**30), 1080, 1920, 3, 0)
    small, large = (make_plan(options, 720, 1280, 3, 0, prior=VideoSpy(working=f)) for f in (10, 2000))
    assert large.peak_bytes > small.peak_bytes or large.tile < small.tile
    assert Engine(options, 48, 64).plan.peak_bytes > Engine(replace(options, prior=None), 48, 64).plan.peak_bytes
    little = replace(options, max_memory=plain.peak_bytes // 8)
    with pytest.raises(MemoryBudgetError, match="at least"):
        make_plan(little, 1080, 1920, 3, 0, prior=VideoSpy(working=1000))


@pytest.mark.parametrize("transfer", ["linear", "bt709"])
def test_the_released_denoiser_helps_with_noise_and_harms_nothing_without(transfer: str) -> None:
    sharp, blurry = film(Scene(72, 96), 4, 4, 1.0, lambda light: from_linear_array(light, transfer))
    u, v = (torch.from_numpy(x).permute(0, 3, 1, 2).float() / 255 for x in (sharp, blurry))
    noisy = v + 8 / 255 * torch.randn(v.shape, generator=torch.Generator().manual_seed(0))

    def quality(given: Tensor, prior: str | None, solver: str | None = None) -> float:
        found = restore(given, 4, transfer=transfer, prior=prior, solver=solver)[4:-4]
        return -10 * float((found.clamp(0, 1) - u[4:-4]).square().mean().log10())

    assert quality(v, "video") > quality(v, None) - 0.05
    assert quality(noisy, "video") > quality(noisy, None, "keyframes") + 0.5


def from_linear_array(light: np.ndarray, transfer: str) -> np.ndarray:
    return from_linear(torch.from_numpy(light), transfer).numpy()
