"""Estimators and deconvolvers by the names that users give."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vsdeblur.blind.deconvolve.protocol import Deconvolver, SamplingDeconvolver
from vsdeblur.blind.estimate.choice import CameraBlur, KernelAlone
from vsdeblur.blind.estimate.confidence import ConfidenceGate
from vsdeblur.blind.estimate.path import estimate_path, estimate_uniform
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.errors import ArgumentError
from vsdeblur.named import split_named
from vsdeblur.settings.parse import DECONVOLVERS, ESTIMATORS
from vsdeblur.settings.setting import AUTO, NONE
from vsdeblur.weights import available, within

Estimator = Callable[[Tensor], Blur]

BRIDGES = ("indi", "i2sb", "cddb")
DIFFUSION = ("dds", "pigdm", "dps", "split-gibbs")
DRAWING = ("em", "blind-dps")  # estimators that draw where a seed is given
_WEIGHTS = {"network": "kernels", "em": "diffusion", "blind-dps": "kernel-prior", "local": "local"}


def estimator_of(given: str | Estimator | None, device: torch.device, seed: int | None = None) -> Estimator:
    """The estimator of a name, of "NAME:PATH" or of a callable; None for the automatic choice.

    Args:
        given: What was asked for.
        device: Of networks.
        seed: Of those that draw.

    Errors as in ``restore_frame``.
    """
    if callable(given):
        return given
    if given is None:
        moved = (partial(_estimate, "local", device),) if available("local") else ()
        return InTurn((CameraBlur(), *moved, KernelAlone()))
    name, weights = _chosen("estimator", given, ESTIMATORS, _WEIGHTS)
    if name == "network":
        from vsdeblur.blind.estimate.kernels import load_kernel_estimator

        return ConfidenceGate(load_kernel_estimator(weights, device))
    if name == "local":
        from vsdeblur.blind.local.estimate import load_local_motion

        return load_local_motion(weights, device)
    if name == "em":
        from vsdeblur.blind.diffusion.em import load_diffusion_em

        em = load_diffusion_em(weights)
        return ConfidenceGate(em if seed is None else em.with_seed(seed))
    if name == "blind-dps":
        from vsdeblur.blind.diffusion.blind_dps import load_blind_dps

        parallel = load_blind_dps(weights)
        return ConfidenceGate(parallel if seed is None else parallel.with_seed(seed))
    return ConfidenceGate(estimate_path if name == "path" else estimate_uniform)


@dataclass(frozen=True, slots=True)
class InTurn:
    """The blur of the first estimator that finds one: an estimator.

    Attributes:
        ways: Each makes (1, C, H, W), display values, into a blur.
    """

    ways: tuple[Estimator, ...]

    def __call__(self, picture: Tensor) -> Blur:
        """The blur of a picture, one pixel wide where none finds any."""
        for way in self.ways:
            blur = way(picture)
            if blur.margin:
                break
        return blur


def _estimate(name: str, device: torch.device, picture: Tensor) -> Blur:
    return estimator_of(name, device)(picture)


def automatic_deconvolver(prior: str | Callable[..., Any] | None) -> str:
    """The deconvolver by default: diffusion, but where the prior is one of plug and play.

    Args:
        prior: As in ``restore_frame``.
    """
    from vsdeblur.blind.diffusion.users_prior import is_users_prior

    diffusion = is_users_prior(prior) or (prior is None and available("diffusion"))
    return "split-gibbs" if diffusion else "plug-and-play"


def deconvolver_of(
    given: str | Deconvolver | None,
    prior: str | Callable[..., Any] | None,
    linear: bool,
    clip: float | None,
    device: torch.device,
) -> Deconvolver:
    """The deconvolver of a name, of "NAME:PATH" or of a callable; errors as in ``restore_frame``.

    Args:
        given: What was asked for; None for the automatic choice.
        prior: Of plug and play or of diffusion.
        linear: Whether the picture's values are light that is displayed by a curve.
        clip: The value at which they are clipped, if they are.
        device: Of networks.
    """
    if callable(given):
        return given
    learned = {"unrolled": "restoration", **dict.fromkeys(BRIDGES, "bridge"), **dict.fromkeys(DIFFUSION, "diffusion")}
    name, weights = _chosen("deconvolver", given or automatic_deconvolver(prior), DECONVOLVERS, learned)
    users = prior if isinstance(prior, str) and name in DIFFUSION and weights is None else None
    if prior is not None and name != "plug-and-play" and users is None:
        given_as = f"{name}:PATH" if weights else name
        raise ArgumentError("prior", prior, f"{{none}} with {{deconvolver={given_as}}}")
    if name == "unrolled":
        from vsdeblur.blind.deconvolve.unrolled import load_unrolled_deconvolution

        return replace(load_unrolled_deconvolution(weights, device), linear=linear, clip=clip)
    if name in BRIDGES:
        from vsdeblur.blind.bridge.deconvolve import load_bridge

        return replace(load_bridge(name, weights, device), linear=linear, clip=clip)
    if name in DIFFUSION:
        from vsdeblur.blind.diffusion.deconvolve import load_diffusion

        return replace(load_diffusion(name, weights, device, users), linear=linear, clip=clip)
    if name == "richardson-lucy":
        from vsdeblur.blind.deconvolve.richardson_lucy import RichardsonLucy

        return RichardsonLucy(clip=clip)
    from vsdeblur.blind.deconvolve.plug_and_play import PlugAndPlay
    from vsdeblur.priors import TotalVariation, get_prior
    from vsdeblur.priors.registry import INTERNAL

    if prior in (AUTO, NONE):
        raise ArgumentError("prior", prior, "used with clips: plug and play is by a prior, total variation by default")
    if prior == INTERNAL:
        raise ArgumentError("prior", prior, "used with clips: it learns from successive frames")
    # Of one picture, tuned on photographs (benchmarks/deconvolve.py).
    known = TotalVariation(strength=0.9, time=0.0) if prior in (None, "tv") else get_prior(prior, device)
    return PlugAndPlay(known, clip=clip)


def sampling(
    restore: Deconvolver,
    name: str | Deconvolver | None,
    steps: int | None,
    seed: int | None,
    estimator: str | Estimator | None = None,
) -> Deconvolver:
    """The deconvolver with that many steps and that seed.

    The seed of an estimator that draws may be given too; the deconvolver by default then draws nothing.
    """
    draws = isinstance(estimator, str) and estimator.partition(":")[0] in DRAWING
    for argument, value, least in (("steps", steps, 1), ("seed", seed, 0)):
        if value is None:
            continue
        if not isinstance(restore, SamplingDeconvolver) and not (draws and argument == "seed"):
            method = "a callable" if callable(name) else name or "plug-and-play"
            raise ArgumentError(argument, value, f"{{none}} with {{deconvolver={method}}}, which draws nothing")
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**63:
            raise ArgumentError(argument, value, f"a whole number, {least} or more")
        if isinstance(restore, SamplingDeconvolver) and not (name is None and draws and argument == "seed"):
            restore = restore.with_steps(value) if argument == "steps" else restore.with_seed(value)
    return restore


def _chosen(
    argument: str, given: str | None, names: Sequence[str], learned: Mapping[str, str]
) -> tuple[str, Path | None]:
    """The chosen name, the first of ``names`` by default, and the file of "NAME:PATH" or None.

    learned: the names that have weights, with the weights' name.
    """
    forms = [f"{name}:PATH" for name in learned]
    wanted = f"{{none}}, {', '.join(names)}, {', '.join(f'"{form}"' for form in forms)} or a callable"
    named = split_named(argument, given or names[0], (*names, *forms), wanted)
    weights = learned.get(named.family, "")
    file = named.path and within(named.path, weights)
    if file and not os.path.isfile(file):
        wanted = f'"{named.family}:PATH" with PATH a file of weights, or a folder that has {weights}.safetensors'
        raise ArgumentError(argument, given, wanted)
    return named.family, file
