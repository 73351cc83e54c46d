"""Denoisers as priors: what they keep, whose checkpoints they take, and what is said when something is missing."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from vsdeblur import restore
from vsdeblur.engine.plan import make_plan
from vsdeblur.errors import ArgumentError, DeblurError, InputError
from vsdeblur.priors import TotalVariation, VideoPrior, get_prior
from vsdeblur.priors.fastdvdnet import FastDvdNet, FastDvdPrior
from vsdeblur.priors.video import VideoDenoiser, load_video
from vsdeblur.priors.video_net import VideoNet
from vsdeblur.settings import Options


def random_net() -> VideoNet:
    """A small network that does something: layers that are silent before training, too."""
    torch.manual_seed(0)
    net = VideoNet((16, 16, 16))
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.1)
    return net


@pytest.fixture(scope="module")
def prior() -> VideoDenoiser:
    return VideoDenoiser(random_net())


def clip(count: int = 5, channels: int = 3, height: int = 21, width: int = 26) -> Tensor:
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(count))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_any_size_and_channels(prior: VideoDenoiser, channels: int) -> None:
    u = clip(3, channels)
    found = prior(u, 0.1)
    assert found.shape == u.shape
    assert not torch.equal(found[:, 0], u[:, 0])
    if channels in (2, 4):
        assert torch.equal(found[:, -1], u[:, -1])
    assert torch.equal(found, prior(u, 0.1))


def test_one_channel_is_three_equal_ones(prior: VideoDenoiser) -> None:
    grey = clip(5, 1)
    assert torch.allclose(prior(grey, 0.1), prior(grey.expand(-1, 3, -1, -1), 0.1).mean(1, keepdim=True), atol=1e-6)


def test_the_film_run_backwards_gives_the_same_frames(prior: VideoDenoiser) -> None:
    u = clip(7)
    assert torch.allclose(prior(u.flip(0), 0.1).flip(0), prior(u, 0.1), atol=1e-6)
    frames = clip()[None]
    assert not torch.allclose(prior.middle(frames[:, [1, 0, 2, 3, 4]], 0.1), prior.middle(frames, 0.1), atol=1e-4)


def test_no_noise_means_no_change_and_less_noise_less(prior: VideoDenoiser) -> None:
    u = clip()
    assert torch.equal(prior(u, 0.0), u)
    change = [(prior(u, s) - u).abs().mean() for s in (0.1 / 255, 1 / 255, 10 / 255)]
    assert change[0] < 0.2 * change[1] < 0.2 * change[2]


def test_values_beyond_white_survive(prior: VideoDenoiser) -> None:
    """As differences: how far beyond does not matter, so highlights of HDR are no unknown land."""
    bright = clip()[None] + 1.5
    assert torch.allclose(prior.middle(bright + 4, 0.1), prior.middle(bright, 0.1) + 4, atol=1e-3)


def test_a_map_of_noise_is_heeded_where_it_lies(prior: VideoDenoiser) -> None:
    frames = clip(5, 3, 16, 256)[None]
    level = torch.zeros(1, 1, 16, 256)
    level[..., 128:] = 0.1
    found = prior.middle(frames, level)
    assert torch.equal(found[..., :128], frames[:, 2, ..., :128])
    assert not torch.equal(found[..., 128:], frames[:, 2, ..., 128:])


def test_nothing_reaches_beyond_the_halo(prior: VideoDenoiser) -> None:
    frames = clip(5, 3, 16, 272)[None]
    poked = frames.clone()
    poked[..., 3] += 1
    change = (prior.middle(frames, 0.1) - prior.middle(poked, 0.1)).abs().amax((0, 1, 2))
    assert change[10] > 0
    assert int(change.nonzero().max()) <= 3 + prior.halo


def test_weights_of_ones_own(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = VideoNet()
    save_file(network.state_dict(), tmp_path / "mine.safetensors")
    mine = get_prior(f"video:{tmp_path / 'mine.safetensors'}")
    u = clip(1, 3, 24, 24)
    # An untrained network returns what it is given.
    assert torch.allclose(mine(u, 0.1), TotalVariation(0.2, 0.0, 8)(u, 0.1))
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="not weights of vsdeblur train denoiser"):
        get_prior(f"video:{tmp_path / 'other.safetensors'}")
    with pytest.raises(InputError, match="no such file"):
        load_video(tmp_path / "none")


def test_fastdvdnet_takes_the_checkpoint_of_its_authors(tmp_path: Path) -> None:
    """Names as DataParallel saves them; 2.48 million parameters, as published."""
    torch.manual_seed(0)
    network = FastDvdNet()
    assert sum(p.numel() for p in network.parameters()) == 2_479_096
    torch.save({f"module.{k}": v for k, v in network.state_dict().items()}, tmp_path / "model.pth")
    loaded = get_prior(f"fastdvdnet:{tmp_path / 'model.pth'}")
    u = clip(3, 3, 10, 14)
    assert torch.equal(loaded(u, 0.1), FastDvdPrior(network)(u, 0.1))
    assert isinstance(loaded, VideoPrior)
    assert loaded.frames == 5
    (tmp_path / "broken.pth").write_bytes(b"no")
    with pytest.raises(DeblurError, match="is no checkpoint for this model"):
        get_prior(f"fastdvdnet:{tmp_path / 'broken.pth'}")


class Halver(torch.nn.Module):
    """Stands for a denoiser of deepinv: halves its input by its one weight."""

    def __init__(self, pretrained: str | None = "download") -> None:
        super().__init__()
        assert pretrained is None, "nothing may be downloaded"
        self.share = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, sigma: float) -> Tensor:
        assert x.shape[:2] == (1, 3)
        assert x.shape[2] % 16 == x.shape[3] % 16 == 0
        with torch.enable_grad():  # as gradient-step denoisers do, within the solver's inference mode too
            x = x.requires_grad_()
            (slope,) = torch.autograd.grad((x * x).sum() / 2, x)
        return slope * self.share


@pytest.fixture
def deepinv(monkeypatch: pytest.MonkeyPatch) -> None:
    models: Any = ModuleType("deepinv.models")
    models.Halver = Halver
    monkeypatch.setitem(sys.modules, "deepinv", ModuleType("deepinv"))
    monkeypatch.setitem(sys.modules, "deepinv.models", models)


@pytest.mark.usefixtures("deepinv")
def test_deepinv_by_name_and_path(tmp_path: Path) -> None:
    path = tmp_path / "half.pth"
    torch.save({"share": torch.full((1,), 0.5)}, path)
    halver = get_prior(f"deepinv:Halver:{path}")
    for channels in (1, 3):
        u = clip(2, channels)
        assert torch.allclose(halver(u, 0.1), u / 2)
    assert halver.name == "deepinv:Halver"
    assert not isinstance(halver, VideoPrior)
    # It sees one frame at a time, in the solver and in the plan: it once was counted for every frame at once.
    options = Options(prior=f"deepinv:Halver:{path}", transfer="linear", max_memory=2**30)
    assert make_plan(options, 360, 640, 3, 0, prior=halver).peak_bytes <= 2**30
    restored = restore(clip(2, 3), 2, prior=f"deepinv:Halver:{path}", shutter=0.5)
    assert bool(torch.isfinite(restored).all())
    with pytest.raises(ArgumentError, match=r"a class of deepinv\.models"):
        get_prior(f"deepinv:Nothing:{path}")


def test_a_missing_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deepinv.models", None)
    (tmp_path / "x.pth").write_bytes(b"")
    with pytest.raises(DeblurError, match=r"prior needs the package deepinv: pip install vsdeblur\[deepinv\]"):
        get_prior(f"deepinv:DRUNet:{tmp_path / 'x.pth'}")


@pytest.mark.parametrize("name", ["fastdvdnet:", "fastdvdnet", "deepinv:DRUNet", "deepinv::x", "video:", "vide0"])
def test_a_name_without_its_parts_is_refused(name: str) -> None:
    with pytest.raises(ArgumentError, match='"fastdvdnet:PATH"'):
        get_prior(name)


@pytest.mark.parametrize("name", ["fastdvdnet:no.pth", "deepinv:DRUNet:no.pth", "video:no.safetensors"])
def test_a_path_where_nothing_is_is_refused(name: str) -> None:
    with pytest.raises(ArgumentError, match="a checkpoint file that exists"):
        get_prior(name)
