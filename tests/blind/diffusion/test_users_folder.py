"""A user's latent diffusion model: the scalings of its latents, pictures of any size, prompts, and what is refused."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from torch import Tensor

from tests.blind.diffusion.test_users_prior import blurred
from vsdeblur.blind import frame as frames
from vsdeblur.blind import restore_frame
from vsdeblur.blind.diffusion.deconvolve import SAMPLERS, load_diffusion
from vsdeblur.blind.diffusion.latent.codec import decoded
from vsdeblur.blind.diffusion.latent.latent_net import LatentPrior
from vsdeblur.blind.diffusion.latent.observation import LatentObservation
from vsdeblur.blind.diffusion.latent.users_codec import KLCodec
from vsdeblur.blind.diffusion.noise_predictor import NoisePredictor
from vsdeblur.blind.diffusion.observation import Observation
from vsdeblur.blind.diffusion.users_folder import Prompted
from vsdeblur.blind.diffusion.users_prior import load_users_prior
from vsdeblur.cli import main
from vsdeblur.errors import DeblurError
from vsdeblur.stills.about import About
from vsdeblur.stills.still import Still, encode_still, read_still

diffusers = pytest.importorskip("diffusers")

CHANNELS, SMALLER = 4, 4
SCALE, SHIFT = 0.3, 0.1
WORDS, WIDTH = 7, 8
SIZES = {"block_out_channels": (8, 16), "norm_num_groups": 4, "layers_per_block": 1, "attention_head_dim": 8}
BLOCKS = {"down_block_types": ("DownBlock2D", "AttnDownBlock2D"), "up_block_types": ("AttnUpBlock2D", "UpBlock2D")}


def autoencoder(**more: Any) -> Any:
    levels = {"block_out_channels": (8, 8, 16), "norm_num_groups": 4, "latent_channels": CHANNELS}
    down, up = ("DownEncoderBlock2D",) * 3, ("UpDecoderBlock2D",) * 3
    known = {"scaling_factor": SCALE, "shift_factor": SHIFT} | more
    return diffusers.AutoencoderKL(down_block_types=down, up_block_types=up, **levels, **known)


def prompted_network() -> Any:
    cross = {"down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D")}
    cross["up_block_types"] = ("CrossAttnUpBlock2D", "UpBlock2D")
    return diffusers.UNet2DConditionModel(
        sample_size=8, in_channels=CHANNELS, out_channels=CHANNELS, cross_attention_dim=WIDTH, **cross, **SIZES
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An autoencoder of a quarter of the size, and a network of its latents."""
    torch.manual_seed(2)
    path = tmp_path_factory.mktemp("latents")
    autoencoder().save_pretrained(path / "vae")
    network = diffusers.UNet2DModel(sample_size=8, in_channels=CHANNELS, out_channels=CHANNELS, **BLOCKS, **SIZES)
    network.save_pretrained(path / "unet")
    diffusers.DDIMScheduler(beta_schedule="scaled_linear", num_train_timesteps=200).save_pretrained(path / "scheduler")
    return path


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copied"))


def loaded(folder: Path) -> tuple[KLCodec, NoisePredictor]:
    codec, prior = load_users_prior(f"diffusers:{folder}", torch.device("cpu"))
    assert isinstance(codec, KLCodec)
    assert isinstance(prior, LatentPrior)
    assert isinstance(prior.network, NoisePredictor)
    return codec, prior.network


@torch.no_grad()
def test_latents_are_those_of_the_folder_with_a_quarter_of_their_deviation(folder: Path) -> None:
    codec, network = loaded(folder)
    own = diffusers.AutoencoderKL.from_pretrained(folder / "vae").eval()
    u = torch.rand(1, 3, 24, 32)
    latents = (own.encode(2 * u - 1).latent_dist.mean - SHIFT) * SCALE  # as the pipelines of diffusers have them
    assert codec.smaller == SMALLER
    assert torch.allclose(codec.encode(u), latents / 4, atol=1e-6)
    again = (own.decode(latents / SCALE + SHIFT).sample + 1) / 2
    assert torch.allclose(codec.decode(latents / 4), again, atol=1e-5)
    assert codec.lost(u) == pytest.approx(float((again - u).square().mean().sqrt()), rel=1e-4)

    kept = diffusers.DDPMScheduler.from_pretrained(folder / "scheduler").alphas_cumprod[100]
    noisy = latents + ((1 - kept) / kept).sqrt() * torch.randn_like(latents)
    predicted = diffusers.UNet2DModel.from_pretrained(folder / "unet").eval()(kept.sqrt() * noisy, 100).sample
    expected = noisy - ((1 - kept) / kept).sqrt() * predicted
    sigma = ((1 - kept) / kept).sqrt().view(1) / 4
    assert torch.allclose(network(noisy / 4, sigma), expected / 4, atol=1e-4)


@torch.no_grad()
def test_channels_may_have_means_and_deviations_of_their_own(copied: Path) -> None:
    torch.manual_seed(3)
    mean, spread = [0.1, -0.2, 0.3, 0.0], [0.5, 1.0, 2.0, 4.0]
    own = autoencoder(latents_mean=mean, latents_std=spread).eval()
    own.save_pretrained(copied / "vae")
    u = torch.rand(1, 3, 16, 16)
    given = own.encode(2 * u - 1).latent_dist.mean
    wanted = (given - torch.tensor(mean)[:, None, None]) * SCALE / torch.tensor(spread)[:, None, None]
    codec, _ = loaded(copied)
    assert torch.allclose(codec.encode(u), wanted / 4, atol=1e-6)
    assert torch.allclose(codec.decode(wanted / 4), (own.decode(given).sample + 1) / 2, atol=1e-5)


@pytest.mark.parametrize("size", [(16, 24), (17, 22), (5, 3)])
def test_pictures_of_any_size_are_coded(folder: Path, size: tuple[int, int]) -> None:
    codec, network = loaded(folder)
    u = torch.rand(1, 3, *size)
    z = codec.encode(u)
    assert z.shape == (1, CHANNELS, -(-size[0] // SMALLER), -(-size[1] // SMALLER))
    assert decoded(codec, z, size).shape == u.shape
    assert LatentPrior(network)(z, 0.1).shape == z.shape


def test_the_decoder_has_the_derivatives_that_samplers_take(folder: Path) -> None:
    """Attention in its middle included: J e is a second derivative."""
    codec, _ = loaded(folder)
    codec = codec.double()
    torch.manual_seed(0)
    v, blur = blurred()
    shape = (1, CHANNELS, 12, 15)
    z, e = 0.25 * torch.randn(shape).double(), torch.randn(shape).double()
    observation = Observation(v[None].double(), blur, 0.01, False, None, 1.0)
    here = LatentObservation.of(observation, lambda x: decoded(codec, x, (47, 60)), z).at(z)
    r = torch.randn(1, 3, 41, 54).double()
    assert float((here.forth(e) * r).sum()) == pytest.approx(float((e * here.back(r)).sum()), rel=1e-6)
    with torch.no_grad():
        ahead, behind = (blur(decoded(codec, z + s * 1e-5 * e, (47, 60))) for s in (1, -1))
    slope = (ahead - behind) / 2e-5
    assert float((slope - here.forth(e)).norm()) < 1e-3 * float(slope.norm())


@pytest.mark.parametrize("method", SAMPLERS)
def test_samplers_run_in_its_latents(folder: Path, method: str) -> None:
    """On a picture whose size is no multiple of the factor."""
    v, blur = blurred()
    v, blur = v[:, :18, :21], blur.part(slice(18), slice(21))

    def drawn(seed: int | None) -> Tensor:
        restore = load_diffusion(method, prior=f"diffusers:{folder}").with_steps(2)
        return (restore if seed is None else restore.with_seed(seed))(v[None], blur, 0.01)

    first = drawn(1)
    assert first.shape == (1, *v.shape)
    assert torch.isfinite(first).all()
    assert torch.equal(first, drawn(1))
    assert not torch.equal(first, drawn(None))
    assert not torch.equal(first, drawn(2))
    sharp, _ = restore_frame(v, estimator=lambda _: blur, deconvolver=method, prior=f"diffusers:{folder}", steps=1)
    assert sharp.shape == v.shape


def test_the_command_takes_it(folder: Path, copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A blur that is known, and a result that is taken: networks that were never trained restore nothing."""
    v, blur = blurred()
    monkeypatch.setattr(frames, "estimator_of", lambda *_: lambda _: blur)
    monkeypatch.setattr(frames, "harmless_share", lambda *_, **__: torch.ones(1, 1, *blur.size))
    (tmp_path / "in.png").write_bytes(encode_still(Still(v, 8, About()), "png"))

    def call(folder: Path, out: str) -> Result:
        given = ["--method", "split-gibbs", "--steps", "1", "--prior", f"diffusers:{folder}"]
        return CliRunner().invoke(main, ["image", str(tmp_path / "in.png"), str(tmp_path / out), *given])

    result = call(folder, "out.png")
    assert result.exit_code == 0, result.stderr
    assert "split-gibbs" in result.stderr
    assert float((read_still(tmp_path / "out.png").values - v).abs().max()) > 0.05
    shutil.rmtree(copied / "unet")
    refused = call(copied, "none.png")
    assert refused.exit_code == 1
    assert "no diffusion model of latents" in refused.stderr
    assert refused.stderr.count("\n") == 1


def changed(folder: Path, part: str, name: str = "config.json", **values: Any) -> None:
    path = folder / part / name
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def of_colours(folder: Path) -> None:
    shutil.rmtree(folder / "unet")
    diffusers.UNet2DModel(sample_size=8, in_channels=3, out_channels=3, **BLOCKS, **SIZES).save_pretrained(
        folder / "unet"
    )


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (of_colours, "it takes 3 channels, and its latents have 4"),
        (lambda at: changed(at, "vae", _class_name="VQModel"), "vae is a VQModel"),
        (lambda at: changed(at, "unet", _class_name="UNet3DConditionModel"), "it is a UNet3DConditionModel"),
        (lambda at: changed(at, "unet", addition_embed_type="text_time"), "more than a prompt"),
        (lambda at: changed(at, "unet", _class_name="UNet2DConditionModel"), "no diffusion model of latents"),
        (
            lambda at: (at / "scheduler" / "scheduler_config.json").write_text(
                '{"_class_name": "FlowMatchEulerDiscreteScheduler"}'
            ),
            "FlowMatchEulerDiscreteScheduler has no betas",
        ),
        (lambda at: (at / "vae" / "diffusion_pytorch_model.safetensors").unlink(), "no diffusion model of latents"),
        (lambda at: shutil.rmtree(at / "unet"), "no diffusion model of latents"),
    ],
    ids=["channels", "vae", "video", "more", "sizes", "flow", "weights", "unet"],
)
def test_what_does_not_fit_is_refused_in_one_line(copied: Path, damage: Any, reason: str) -> None:
    damage(copied)
    with pytest.raises(DeblurError, match=reason) as raised:
        load_users_prior(f"diffusers:{copied}", torch.device("cpu"))
    assert str(raised.value).startswith("prior")
    assert "\n" not in str(raised.value)


@pytest.fixture
def stable(copied: Path) -> Path:
    """The folder with a network that takes a prompt, a text encoder, and a tokenizer of letters."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(4)
    shutil.rmtree(copied / "unet")
    prompted_network().save_pretrained(copied / "unet")
    words = ["a</w>", "<|startoftext|>", "<|endoftext|>"]
    sizes = {"hidden_size": WIDTH, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    ends = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}
    config = transformers.CLIPTextConfig(
        vocab_size=len(words), max_position_embeddings=WORDS, projection_dim=WIDTH, **sizes, **ends
    )
    transformers.CLIPTextModel(config).save_pretrained(copied / "text_encoder")
    at = copied / "tokenizer"
    at.mkdir()
    (at / "vocab.json").write_text(json.dumps({word: k for k, word in enumerate(words)}))
    (at / "merges.txt").write_text("#version: 0.2\n")
    (at / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": WORDS})
    )
    return copied


def test_a_network_that_takes_a_prompt_gets_the_empty_one(stable: Path) -> None:
    transformers = pytest.importorskip("transformers")
    _, network = loaded(stable)
    assert isinstance(network.network, Prompted)
    encoder = transformers.CLIPTextModel.from_pretrained(stable / "text_encoder").eval()
    with torch.no_grad():
        wanted = encoder(torch.tensor([[1] + [2] * (WORDS - 1)]))[0]
    assert torch.allclose(network.network.prompt, wanted, atol=1e-6)
    z = torch.randn(2, CHANNELS, 8, 8)
    own = diffusers.UNet2DConditionModel.from_pretrained(stable / "unet").eval()
    with torch.no_grad():
        found, known = network.network(z, torch.tensor(3)).sample, own(z, 3, wanted.expand(2, -1, -1)).sample
    assert torch.allclose(found, known, atol=1e-5)
    v, blur = blurred()
    sharp = load_diffusion("pigdm", prior=f"diffusers:{stable}").with_steps(2)(v[None], blur, 0.01)
    assert torch.isfinite(sharp).all()


def test_a_prompt_needs_its_parts(stable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "transformers", None)
        with pytest.raises(DeblurError, match="prior needs the package transformers: pip install transformers"):
            load_users_prior(f"diffusers:{stable}", torch.device("cpu"))
    changed(stable, "unet", cross_attention_dim=16)
    with pytest.raises(DeblurError, match="no diffusion model of latents"):
        load_users_prior(f"diffusers:{stable}", torch.device("cpu"))
    shutil.rmtree(stable / "text_encoder")
    changed(stable, "unet", cross_attention_dim=WIDTH)
    with pytest.raises(DeblurError, match="takes a prompt, and there is no text_encoder"):
        load_users_prior(f"diffusers:{stable}", torch.device("cpu"))
