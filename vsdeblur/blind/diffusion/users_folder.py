"""A folder of the package diffusers (``save_pretrained``): its networks, and the noise they were trained under.

    unet/ or the folder itself    UNet2DModel of pictures, or of latents; UNet2DConditionModel of latents
    vae/                          AutoencoderKL, where they are of latents
    scheduler/                    the schedule of the noise; that of Ho et al. 2020 where there is none
    tokenizer/, text_encoder/     CLIP's, of which the empty prompt is taken where the network asks for one

Nothing is ever downloaded. Errors are ValueErrors, or those of the packages.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vsdeblur.blind.diffusion.diffusion_net import DEVIATION
from vsdeblur.blind.diffusion.latent.users_codec import KLCodec
from vsdeblur.blind.diffusion.noise_predictor import NoisePredictor
from vsdeblur.external import package, refuse_values

_COLOURS = 3
_PICTURES = 2.0, 0.5  # scale and middle of NoisePredictor
_LATENTS = 1 / DEVIATION, 0.0
_PLAIN, _PROMPTED = "UNet2DModel", "UNet2DConditionModel"
_ONLY = {"local_files_only": True}
_WEIGHTS = {**_ONLY, "use_safetensors": True, "low_cpu_mem_usage": False}
_MORE = ("class_embed_type", "num_class_embeds", "addition_embed_type", "encoder_hid_dim_type")


class Prompted(nn.Module):
    """A network that takes a prompt, with one prompt for all.

    Attributes:
        network: (z, t, prompt) to e, with ``.sample``.
        prompt: (1, words, values).
    """

    prompt: Tensor

    def __init__(self, network: nn.Module, prompt: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("prompt", prompt)

    def forward(self, z: Tensor, t: Tensor) -> Any:
        """What the network says of z (B, C, H, W) at steps t (B,)."""
        return self.network(z, t, encoder_hidden_states=self.prompt.expand(len(z), -1, -1))


def is_latent(root: Path) -> bool:
    """Whether the folder has an autoencoder, so that its diffusion is one of latents."""
    return (root / "vae").is_dir()


def network_of_pictures(diffusers: Any, root: Path) -> NoisePredictor:
    """D of pictures."""
    return _predictor(diffusers, root, _COLOURS, (_PLAIN,), _PICTURES)


def network_of_latents(diffusers: Any, root: Path) -> tuple[KLCodec, NoisePredictor]:
    """The autoencoder, and D of its latents."""
    known = diffusers.AutoencoderKL.load_config(root / "vae", **_ONLY)
    if known.get("_class_name") != "AutoencoderKL":
        raise ValueError(f"vae is a {known.get('_class_name')}, and AutoencoderKL is what it may be")
    codec = diffusers.AutoencoderKL.from_pretrained(root / "vae", **_WEIGHTS)
    refuse_values(codec)
    config = codec.config
    if (config.in_channels, config.out_channels) != (_COLOURS, _COLOURS):
        raise ValueError(f"vae takes {config.in_channels} channels, and pictures have {_COLOURS}")
    # That of torch, fused, has no second derivative, which products with the decoder's derivative need.
    codec.set_attn_processor(diffusers.models.attention_processor.AttnProcessor())
    smaller = 2 ** (len(config.block_out_channels) - 1)
    shift, spread = (config.get(name) for name in ("latents_mean", "latents_std"))
    shift = config.get("shift_factor") or 0.0 if shift is None else shift
    scale = config.scaling_factor / _each(1.0 if spread is None else spread)
    denoise = _predictor(diffusers, root, config.latent_channels, (_PLAIN, _PROMPTED), _LATENTS)
    return KLCodec(codec, smaller, scale, _each(shift)), denoise


def _each(value: float | list[float]) -> Tensor:
    """A number for all channels (), or one for each (C, 1, 1)."""
    given = torch.tensor(value, dtype=torch.float32)
    return given[:, None, None] if given.ndim else given


def _predictor(
    diffusers: Any, root: Path, channels: int, classes: tuple[str, ...], unit: tuple[float, float]
) -> NoisePredictor:
    folder = root / "unet" if (root / "unet").is_dir() else root
    known = diffusers.UNet2DModel.load_config(folder, **_ONLY)
    _refuse(known, channels, classes)
    network = getattr(diffusers, known["_class_name"]).from_pretrained(folder, **_WEIGHTS)
    refuse_values(network)
    if known["_class_name"] == _PROMPTED:
        network = Prompted(network, _empty_prompt(root, known["cross_attention_dim"]))
    schedule = _schedule(diffusers, root)
    coarsest = 2 ** (len(known["down_block_types"]) - 1)
    return NoisePredictor(network, schedule.alphas_cumprod, schedule.config.prediction_type, coarsest, *unit)


def _refuse(known: dict[str, Any], channels: int, classes: tuple[str, ...]) -> None:
    """Raise ValueError for a network that takes something else than values, a step and perhaps a prompt."""
    if known.get("_class_name") not in classes:
        raise ValueError(f"it is a {known.get('_class_name')}, and {' or '.join(classes)} is what it may be")
    if known.get("in_channels") != channels or known.get("out_channels") not in (channels, 2 * channels):
        have = "its latents have" if _PROMPTED in classes else "pictures have"
        raise ValueError(f"it takes {known.get('in_channels')} channels, and {have} {channels}")
    for name in _MORE:
        if known.get(name):
            raise ValueError(f"it takes {'a class' if 'class' in name else 'more than a prompt'} ({name})")


def _schedule(diffusers: Any, root: Path) -> Any:
    places = [place for place in (root / "scheduler", root) if (place / "scheduler_config.json").is_file()]
    schedule: Any = diffusers.DDPMScheduler
    if not places:
        return schedule()
    known = schedule.load_config(places[0], **_ONLY)
    if "beta_schedule" not in known:
        raise ValueError(f"its {known.get('_class_name')} has no betas: another process than that of Ho et al. 2020")
    return schedule.from_pretrained(places[0], **_ONLY)


def _empty_prompt(root: Path, width: int) -> Tensor:
    """(1, words, width): what the folder's text encoder makes of no words."""
    for part in ("tokenizer", "text_encoder"):
        if not (root / part).is_dir():
            raise ValueError(f"its network takes a prompt, and there is no {part}")
    transformers = package("prior", "transformers", "pip install transformers")
    tokenizer = transformers.CLIPTokenizer.from_pretrained(root / "tokenizer", **_ONLY)
    encoder = transformers.CLIPTextModel.from_pretrained(root / "text_encoder", use_safetensors=True, **_ONLY)
    refuse_values(encoder)
    words = tokenizer("", padding="max_length", max_length=tokenizer.model_max_length, return_tensors="pt")
    with torch.no_grad():
        prompt: Tensor = encoder.eval()(words.input_ids)[0]
    if prompt.shape[-1] != width:
        raise ValueError(f"its text_encoder gives {prompt.shape[-1]} values a word, and its network takes {width}")
    return prompt.float()
