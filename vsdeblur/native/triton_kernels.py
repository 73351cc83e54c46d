"""The mean of a picture along a path and its transpose in Triton: one kernel each for all instants, without a grid.

    mean:    out(p) = 1/Q sum_q image(scale (p + sign psi(p, tau_q)))
    spread:  onto += sum_q S_q' y,   S_q the sampling at instant q

Samplings are linear between the points of the image, which is extended by its edge. Per pixel, channel and instant 4
values are read, or added to, and about 40 operations done; torch also writes and reads a grid of 8 bytes and a picture
for each instant. Sums of ``spread`` are atomic: their order, and so the last bits, may change from run to run, as those
of torch's own transpose do on CUDA.

Imported only where ``vsdeblur.native.on_gpu`` is asked for it.
"""

# ruff: noqa: N803  (constants of a kernel are written in capitals)
# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
from __future__ import annotations

import triton
import triton.language as tl

BLOCK = 256  # pixels of a program


@triton.jit
def _split(position, size):
    """The point at or before a position within the picture, not the last one, and the part of the way to the next."""
    position = tl.where(position > 0, position, 0.0)  # what is no number too
    position = tl.minimum(position, (size - 1).to(tl.float32))
    whole = tl.minimum(position.to(tl.int32), size - 2)
    return whole, position - whole.to(tl.float32)


@triton.jit
def _moved(fields, p, inside, pixels, t, axis: tl.constexpr, PAIRS: tl.constexpr):
    """psi(p, t) along an axis."""
    moved = t * tl.load(fields + axis * pixels + p, mask=inside, other=0.0)
    moved += t * t / 2 * tl.load(fields + (2 + axis) * pixels + p, mask=inside, other=0.0)
    if PAIRS == 3:
        moved += t * t * t / 6 * tl.load(fields + (4 + axis) * pixels + p, mask=inside, other=0.0)
    return moved


@triton.jit
def _corner(fields, p, inside, pixels, t, sign, scale, width, height, row, PAIRS: tl.constexpr):
    """Number of the upper left of four points, and how far right of it and below it the position of p lies.

    width, height: of the image. row: pixels of a row of the path.
    """
    x, y = (p % row).to(tl.float32), (p // row).to(tl.float32)
    kx, fx = _split(scale * (x + sign * _moved(fields, p, inside, pixels, t, 0, PAIRS)), width)
    ky, fy = _split(scale * (y + sign * _moved(fields, p, inside, pixels, t, 1, PAIRS)), height)
    return ky.to(tl.int64) * width + kx, fx, fy


@triton.jit
def mean_kernel(
    image, fields, taus, out, pixels, row, height, width, count, sign, scale, PAIRS: tl.constexpr, SIZE: tl.constexpr
):
    """out (C, pixels): programs along pixels, then channels."""
    p = tl.program_id(0) * SIZE + tl.arange(0, SIZE)
    inside, channel = p < pixels, tl.program_id(1).to(tl.int64)
    image += channel * height * width
    total = tl.zeros((SIZE,), tl.float32)
    for q in range(count):
        at, fx, fy = _corner(fields, p, inside, pixels, tl.load(taus + q), sign, scale, width, height, row, PAIRS)
        upper, right = tl.load(image + at, mask=inside, other=0.0), tl.load(image + at + 1, mask=inside, other=0.0)
        lower = tl.load(image + at + width, mask=inside, other=0.0)
        opposite = tl.load(image + at + width + 1, mask=inside, other=0.0)
        total += (upper + fy * (lower - upper)) * (1 - fx) + (right + fy * (opposite - right)) * fx
    tl.store(out + channel * pixels + p, total / count, mask=inside)


@triton.jit
def spread_kernel(
    y, fields, taus, onto, pixels, row, height, width, count, sign, scale, PAIRS: tl.constexpr, SIZE: tl.constexpr
):
    """onto (C, height, width) += the transpose of the sum, of y (C, pixels): programs as of the mean."""
    p = tl.program_id(0) * SIZE + tl.arange(0, SIZE)
    inside, channel = p < pixels, tl.program_id(1).to(tl.int64)
    onto += channel * height * width
    value = tl.load(y + channel * pixels + p, mask=inside, other=0.0)
    for q in range(count):
        at, fx, fy = _corner(fields, p, inside, pixels, tl.load(taus + q), sign, scale, width, height, row, PAIRS)
        left, right = value * (1 - fx), value * fx
        tl.atomic_add(onto + at, left * (1 - fy), mask=inside)
        tl.atomic_add(onto + at + 1, right * (1 - fy), mask=inside)
        tl.atomic_add(onto + at + width, left * fy, mask=inside)
        tl.atomic_add(onto + at + width + 1, right * fy, mask=inside)
