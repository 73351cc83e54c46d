"""A still picture without its blur: one file in, one file out, and the two side by side."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsdeblur.errors import DeblurError, InputError
from vsdeblur.files import check_target, reason, written
from vsdeblur.stills.about import QUALITY, About
from vsdeblur.stills.still import Still, encode_still, family_of, read_still

if TYPE_CHECKING:
    from torch import Tensor

    from vsdeblur.blind.operators.protocol import Blur

_WHITE = 0.25  # deviation of samples that is drawn as white

log = logging.getLogger("vsdeblur")


@dataclass(frozen=True, slots=True, eq=False)
class Deblurred:
    """A picture before and after, the blur that was found in it, and the samples that it is the mean of, if any."""

    before: Still
    after: Still
    blur: Blur
    samples: Sequence[Still] = ()


def check_still(source: Path, target: Path, overwrite: bool) -> None:
    """Refuse, before any work, an output that cannot or must not be written."""
    family_of(target)
    check_target(target, str(source), overwrite, "OUT")


def deblur_still(
    source: Path, target: Path, *, quality: int = QUALITY, overwrite: bool = False, samples: int = 1, **options: Any
) -> Deblurred:
    """Deblur the picture in a PNG, JPEG, TIFF or WebP file into another one.

    Depth, alpha, profile, Exif, XMP and orientation stay as they are, as far as the format of ``target`` holds them.
    quality: of JPEG and WebP, 1 to 100. overwrite: allow target to exist. samples: with more than one, target is their
    mean; beside it appear the files of ``sample_files``. options: as in ``deblurred``.

    The output appears under its name only when it is whole. Raises DeblurError with one line on what is wrong.
    """
    beside = sample_files(target, samples)
    for path in (target, *beside):
        check_still(source, path, overwrite)
    done = deblurred(read_still(source), samples=samples, **options)
    if done.before.about.pages:
        log.warning("%s: only the first of its pictures is taken", source)
    drawn = [*done.samples, disagreement(done.samples)] if beside else []
    for path, picture in [*zip(beside, drawn, strict=True), (target, done.after)]:
        save(path, encode_still(picture, family_of(path), quality))
    return done


def sample_files(target: Path, samples: int) -> list[Path]:
    """What is written beside ``target``: STEM-1 and so on, the samples, and STEM-spread, where they disagree."""
    names = [*map(str, range(1, samples + 1)), "spread"] if samples > 1 else []
    return [target.with_name(f"{target.stem}-{name}{target.suffix}") for name in names]


def disagreement(samples: Sequence[Still]) -> Still:
    """Where samples differ: their standard deviation over the channels, grey; white is a quarter of white and more."""
    import torch

    values = torch.stack([one.values[: one.colours].float() for one in samples])
    spread = values.var(0).mean(0, keepdim=True).sqrt()
    first = samples[0]
    return Still((spread / _WHITE).clamp(0, 1), 8, About(exif=first.about.exif))


def deblurred(still: Still, *, transfer: str | None = None, samples: int = 1, **options: Any) -> Deblurred:
    """The same picture without its blur; alpha follows the same blur.

    transfer: how the values are stored; None is "srgb", and "linear" for floating point. samples: the result is the
    mean of that many, of consecutive seeds; the blur is that of the first. options: as in
    ``vsdeblur.blind.restore_frame``.
    """
    import torch

    if samples > 1:
        first = int(options.get("seed") or 0)
        one = deblurred(still, transfer=transfer, **{**options, "seed": first})
        known = {**options, "estimator": lambda _: one.blur}
        more = [deblurred(still, transfer=transfer, **{**known, "seed": first + n}).after for n in range(1, samples)]
        drawn = [one.after, *more]
        mean = torch.stack([picture.values for picture in drawn]).mean(0)
        return Deblurred(still, replace(still, values=mean), one.blur, drawn)
    from vsdeblur.blind.frame import restore_frame
    from vsdeblur.tensors import MIN_FRAME_SIDE

    if min(still.values.shape[-2:]) < MIN_FRAME_SIDE:
        raise InputError(f"the picture is smaller than {MIN_FRAME_SIDE}x{MIN_FRAME_SIDE} pixels")
    curve = transfer or ("linear" if still.bits == 32 else "srgb")
    colour, alpha = still.values[: still.colours], still.values[still.colours :]
    sharp, blur = restore_frame(colour, transfer=curve, **options)
    if still.has_alpha:
        sharp = _with_alpha(sharp, alpha, blur, options)
    return Deblurred(still, replace(still, values=sharp), blur)


def side_by_side(pairs: Sequence[Deblurred]) -> Still:
    """Before and after, upright, next to each other; of several pictures one pair below the other."""
    import torch

    first = pairs[0].before
    rows = []
    for pair in pairs:
        both = [still.upright(still.values[: still.colours]).expand(3, -1, -1) for still in (pair.before, pair.after)]
        gap = both[0].new_ones(3, both[0].shape[-2], 8)
        rows.append(torch.cat((both[0], gap, both[1]), -1))
    width = max(row.shape[-1] for row in rows)
    filled = [
        torch.nn.functional.pad(row, (0, width - row.shape[-1], 0, 8 * (n + 1 < len(rows))), value=1.0)
        for n, row in enumerate(rows)
    ]
    return Still(torch.cat(filled, -2), 8, About(icc=first.about.icc) if first.colours == 3 else About())


def save(path: Path, data: bytes) -> None:
    """Write a file whole or not at all. Raises DeblurError."""
    with written(path) as temporary:
        try:
            temporary.write_bytes(data)
        except OSError as error:
            raise DeblurError(f"cannot write {path}: {reason(error)}") from None


def _with_alpha(sharp: Tensor, alpha: Tensor, blur: Blur, options: dict[str, Any]) -> Tensor:
    import torch

    from vsdeblur.blind.frame import restore_frame

    if alpha.max() > alpha.min():
        known = {"deconvolver": "plug-and-play", **options, "estimator": lambda _: blur}
        alpha = restore_frame(alpha, transfer="linear", **known)[0].clamp(0, 1)
    return torch.cat((sharp, alpha))
