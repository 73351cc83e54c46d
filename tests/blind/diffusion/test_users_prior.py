"""A user's diffusion network as the prior: what it returns, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from tests.support.pictures import blocks
from vsdeblur.blind import restore_frame
from vsdeblur.blind.diffusion.noise_predictor import NoisePredictor
from vsdeblur.blind.diffusion.prior import NetworkPrior
from vsdeblur.blind.diffusion.users_prior import LevelDenoiser, load_users_prior
from vsdeblur.blind.methods import deconvolver_of, sampling
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.errors import ArgumentError, DeblurError

KEPT = (1 - torch.linspace(1e-4, 0.02, 1000)).cumprod(0)
SPREAD = 0.2  # deviation of the pictures that the ideal network knows, white around 1/2


class Ideal(nn.Module):
    """The best guess of what was added to white pictures of deviation SPREAD, in the process's own units."""

    def __init__(self, predicts: str) -> None:
        super().__init__()
        self.predicts = predicts

    def forward(self, z: Tensor, t: Tensor) -> SimpleNamespace:
        low = int(t[0])
        kept = torch.lerp(KEPT[low], KEPT[min(low + 1, 999)], t[0] - low)
        prior = (2 * SPREAD) ** 2
        picture = kept.sqrt() * prior / (kept * prior + 1 - kept) * z
        noise = (z - kept.sqrt() * picture) / (1 - kept).sqrt()
        velocity = kept.sqrt() * noise - (1 - kept).sqrt() * picture
        found = {"epsilon": noise, "sample": picture, "v_prediction": velocity}[self.predicts]
        return SimpleNamespace(sample=found)


@pytest.mark.parametrize("predicts", ["epsilon", "sample", "v_prediction"])
@pytest.mark.parametrize("sigma", [0.03, 0.1, 0.5])
def test_the_mean_of_what_a_noisy_picture_may_be(predicts: str, sigma: float) -> None:
    torch.manual_seed(0)
    x = 0.5 + SPREAD * torch.randn(1, 3, 20, 22) + sigma * torch.randn(1, 3, 20, 22)
    found = NoisePredictor(Ideal(predicts), KEPT, predicts, 8)(x, torch.tensor([sigma]))
    expected = 0.5 + SPREAD**2 / (SPREAD**2 + sigma**2) * (x - 0.5)
    assert torch.allclose(found, expected, atol=3e-3)


def test_the_level_of_the_noise_is_handed_over() -> None:
    class Level(nn.Module):
        def forward(self, x: Tensor, level: float, type_t: str) -> Tensor:
            assert type_t == "noise_level"
            assert x.shape[-2:] == (32, 64)
            return x * level

    x = torch.rand(1, 3, 20, 40)
    assert torch.allclose(LevelDenoiser(Level())(x, torch.tensor([0.25])), 0.25 * x)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``save_pretrained`` of a tiny UNet2DModel writes."""
    diffusers = pytest.importorskip("diffusers")
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("unet")
    blocks = {"down_block_types": ("DownBlock2D", "AttnDownBlock2D"), "up_block_types": ("AttnUpBlock2D", "UpBlock2D")}
    sizes = {"block_out_channels": (8, 16), "norm_num_groups": 4, "layers_per_block": 1, "attention_head_dim": 8}
    diffusers.UNet2DModel(sample_size=16, in_channels=3, out_channels=3, **blocks, **sizes).save_pretrained(path)
    return path


def blurred() -> tuple[Tensor, UniformBlur]:
    kernel = torch.zeros(7, 7)
    kernel[3, 1:6] = 0.2
    blur = UniformBlur(kernel, (41, 54))
    return blur(blocks(47, 60).expand(-1, 3, -1, -1))[0], blur


@pytest.mark.parametrize("method", ["dds", "pigdm", "dps", "split-gibbs"])
def test_samplers_take_it_for_their_own(folder: Path, method: str) -> None:
    v, blur = blurred()

    def drawn(prior: str | None, seed: int) -> Tensor:
        restore = deconvolver_of(method, prior, linear=False, clip=None, device=torch.device("cpu"))
        return sampling(restore, method, 3, seed)(v[None], blur, 0.01)

    first, other, own = drawn(f"diffusers:{folder}", 1), drawn(f"diffusers:{folder}", 2), drawn(None, 1)
    assert torch.isfinite(first).all()
    assert torch.equal(first, drawn(f"diffusers:{folder}", 1))
    assert not torch.equal(first, other)
    assert not torch.equal(first, own)
    sharp, _ = restore_frame(v, estimator=lambda _: blur, deconvolver=method, prior=f"diffusers:{folder}", steps=2)
    assert sharp.shape == v.shape


def test_a_pipeline_says_what_its_network_predicts(folder: Path, tmp_path: Path) -> None:
    diffusers = pytest.importorskip("diffusers")
    network = diffusers.UNet2DModel.from_pretrained(folder)
    network.save_pretrained(tmp_path / "unet")
    diffusers.DDPMScheduler(prediction_type="sample", num_train_timesteps=100).save_pretrained(tmp_path / "scheduler")
    codec, prior = load_users_prior(f"diffusers:{tmp_path}", torch.device("cpu"))
    assert codec is None
    assert isinstance(prior, NetworkPrior)
    found = prior.network
    assert isinstance(found, NoisePredictor)
    assert (found.predicts, len(found.noise), found.align) == ("sample", 100, 2)
    x = torch.rand(1, 3, 16, 16)
    _, plain = load_users_prior(f"diffusers:{folder}", torch.device("cpu"))
    assert not torch.equal(plain(x, 0.1), found(x, torch.tensor([0.1])))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"in_channels": 4}, "it takes 4 channels"),
        ({"_class_name": "UNet2DConditionModel"}, "it is a UNet2DConditionModel"),
        ({"num_class_embeds": 10}, "it takes a class"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(folder: Path, tmp_path: Path, change: dict, reason: str) -> None:
    known = json.loads((folder / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(known | change))
    with pytest.raises(DeblurError, match=reason) as raised:
        load_users_prior(f"diffusers:{tmp_path}", torch.device("cpu"))
    assert "\n" not in str(raised.value)


def test_other_priors_are_refused_with_samplers(tmp_path: Path) -> None:
    v, blur = blurred()
    for deconvolver, prior in (
        ("dds", "tv"),
        ("dds", f"diffusers:{tmp_path / 'none'}"),
        ("indi", f"diffusers:{tmp_path}"),
    ):
        with pytest.raises(ArgumentError, match="prior"):
            restore_frame(v, estimator=lambda _: blur, deconvolver=deconvolver, prior=prior)
    empty = tmp_path / "empty"
    empty.mkdir()
    pytest.importorskip("diffusers")
    with pytest.raises(DeblurError, match="no UNet2DModel"):
        restore_frame(v, estimator=lambda _: blur, deconvolver="dds", prior=f"diffusers:{empty}")
