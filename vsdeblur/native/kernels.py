"""The functions of the C files in ``source`` on tensors. They check nothing that ``takes`` has checked."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vsdeblur.native.library import library
from vsdeblur.native.threads import share_rows

LANES = 4  # channels of a pixel of points
_LARGEST = 2**28  # pixels of a picture, whose positions are 32 bits


def takes(*tensors: Tensor) -> bool:
    """Whether the kernels are there, and take these tensors: float32 on the CPU, without a gradient to be tracked."""
    return library() is not None and all(
        type(x) is Tensor
        and x.dtype == torch.float32
        and x.device.type == "cpu"
        and x.layout == torch.strided
        and not (x.requires_grad and torch.is_grad_enabled())
        and 0 < x.numel() < _LARGEST * LANES
        for x in tensors
    )


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """Positions  x + sign psi(x, tau)  at some instants, in pixels of the path.

    Attributes:
        fields: (1, 4 or 6, H, W), as ``Motion.path``.
        taus: Instants, periods.
        sign: Of the displacement.
    """

    fields: Tensor
    taus: Sequence[float]
    sign: int = 1


def finer(key: Tensor) -> Tensor:
    """Points of a picture twice as fine, as ``vsdeblur.flow.supersample.supersampled``.

    Args:
        key: (1, C, H, W), C at most LANES, H and W at least 2.

    Returns:
        (2 H - 1, 2 W - 1, LANES).
    """
    height, width = key.shape[-2:]
    key = _rows_together(key)
    planes, out = _Planes.of(key), key.new_empty(2 * height - 1, 2 * width - 1, LANES)
    points = _Points.of(out)
    _run("finer_rows", height, 2 * height * width, planes, points)
    _run("finer_between", height - 1, 2 * height * width, points)
    return out


def coarser(points: Tensor, channels: int) -> Tensor:
    """The transpose of ``finer``: points (2 H - 1, 2 W - 1, LANES) to (1, C, H, W)."""
    height, width = (points.shape[0] + 1) // 2, (points.shape[1] + 1) // 2
    out = points.new_empty(1, channels, height, width)
    _run("coarser", height, 2 * height * width, _Points.of(points), _Planes.of(out))
    return out


def interleaved(picture: Tensor) -> Tensor:
    """A picture (1, C, H, W), C at most LANES, as points (H, W, LANES)."""
    return all_interleaved(picture)[0]


def all_interleaved(pictures: Tensor) -> Tensor:
    """Pictures (B, C, H, W), C at most LANES, as points (B, H, W, LANES)."""
    out = pictures.new_zeros(len(pictures), *pictures.shape[2:], LANES)
    out[..., : pictures.shape[1]] = pictures.permute(0, 2, 3, 1)
    return out


def planar(points: Tensor, channels: int) -> Tensor:
    """The transpose of ``interleaved``: points (H, W, LANES) to (1, C, H, W)."""
    return points[..., :channels].permute(2, 0, 1)[None]


def mean_along(points: Tensor, path: Path, scale: float, channels: int) -> Tensor:
    """The mean of linear samplings of one picture.

    Args:
        points: (h, w, LANES), h and w at least 2.
        path: Of H x W pixels.
        scale: Points per pixel of the path.
        channels: C, at most LANES.

    Returns:
        (1, C, H, W).
    """
    height, width = path.fields.shape[-2:]
    out = points.new_empty(1, channels, height, width)
    fields = _rows_together(path.fields)
    places = _Places.along(fields, path, scale)
    _run("mean_along", height, height * width * len(path.taus), _Points.of(points), places, _Planes.of(out))
    return out


def spread_along(y: Tensor, path: Path, scale: float, onto: Tensor) -> None:
    """The transpose of the sum of these samplings: y (1, C, H, W), added to points (h, w, LANES)."""
    y, fields = _rows_together(y), _rows_together(path.fields)
    work = y.shape[-2] * y.shape[-1] * len(path.taus)
    _run("spread_along", len(onto), work, _Planes.of(y), _Places.along(fields, path, scale), _Points.of(onto))


def pull(there: Tensor, here: Tensor, grid: Tensor, weight: Tensor, scale: float, less: Tensor) -> Tensor:
    """What couples two pictures,  d = weight (S there - here) / sqrt(1 + |S there - here|^2 / scale^2),  S cubic.

    Args:
        there: Points (H, W, LANES), H and W at least 2, those of lanes without a channel 0.
        here: The same of the other picture.
        grid: (H, W, 2), where to sample, as in ``vsdeblur.flow.warp.sample``.
        weight: (H, W).
        scale: Of the difference.
        less: Points, of which d is subtracted.

    Returns:
        d, (H, W, LANES).
    """
    grid, weight, out = grid.contiguous(), weight.contiguous(), torch.empty_like(here)
    height, width, _ = grid.shape
    places, counts = _Places.of_grid(grid[None], 0), _Robust(weight.data_ptr(), scale)
    pictures = _Points.of(out), _Points.of(less)
    _run("pull", height, 4 * height * width, _Points.of(there), places, _Points.of(here), counts, *pictures)
    return out


def spread_points(points: Tensor, grid: Tensor, onto: Tensor) -> None:
    """The transpose of S of ``pull`` for the same grid, of points (H, W, LANES), added to others."""
    grid = grid.contiguous()
    height, width, _ = grid.shape
    arguments = _Points.of(points), _Places.of_grid(grid[None], 0), _Points.of(onto)
    _run("spread_points", height, 4 * height * width, *arguments)


def sample(image: Tensor, grid: Tensor, cubic: bool) -> Tensor:
    """As ``vsdeblur.flow.warp.sample``: image (B, C, h, w), h and w at least 2, at grid (B, H, W, 2)."""
    grid = grid.contiguous()
    return _sampled(image, [_Places.of_grid(grid, k) for k in range(len(grid))], cubic)


def spread(y: Tensor, grid: Tensor, cubic: bool, size: tuple[int, int]) -> Tensor:
    """The transpose of ``sample``: y (B, C, H, W) to (B, C, *size), each side of it at least 2."""
    grid = grid.contiguous()
    return _spread(y, [_Places.of_grid(grid, k) for k in range(len(grid))], cubic, size)


def warp(image: Tensor, flow: Tensor, cubic: bool, top: int = 0) -> Tensor:
    """As ``vsdeblur.flow.warp.warp``: image (B, C, h, w), h and w at least 2, flow (B, 2, H, w) of rows from top on."""
    flow = _rows_together(flow)
    return _sampled(image, [_Places.of_flow(flow, k, top) for k in range(len(flow))], cubic)


def warp_adjoint(y: Tensor, flow: Tensor, cubic: bool) -> Tensor:
    """The transpose of ``warp`` with the same size: y (B, C, H, W)."""
    flow = _rows_together(flow)
    places = [_Places.of_flow(flow, k, 0) for k in range(len(flow))]
    return _spread(y, places, cubic, (y.shape[2], y.shape[3]))


def _sampled(image: Tensor, places: Sequence[_Places], cubic: bool) -> Tensor:
    image = _rows_together(image)
    height, width = places[0].height, places[0].width
    out = image.new_empty(*image.shape[:2], height, width)
    name, work = "sample_cubic" if cubic else "sample_linear", height * width * (4 if cubic else 1)
    for k, place in enumerate(places):
        _run(name, height, work, _Planes.of(image, k), place, _Planes.of(out, k))
    return out


def _spread(y: Tensor, places: Sequence[_Places], cubic: bool, size: tuple[int, int]) -> Tensor:
    y = _rows_together(y)
    out = y.new_zeros(*y.shape[:2], *size)
    name, work = "spread_cubic" if cubic else "spread_linear", y.shape[2] * y.shape[3] * (4 if cubic else 1)
    for k, place in enumerate(places):
        _run(name, size[0], work, _Planes.of(y, k), place, _Planes.of(out, k))
    return out


class _Points(ctypes.Structure):
    _fields_ = (("values", ctypes.c_void_p), ("height", ctypes.c_int32), ("width", ctypes.c_int32))

    @classmethod
    def of(cls, points: Tensor) -> _Points:
        return cls(points.data_ptr(), points.shape[0], points.shape[1])


class _Planes(ctypes.Structure):
    _fields_ = (
        ("values", ctypes.c_void_p),
        ("plane", ctypes.c_int64),
        ("channels", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("width", ctypes.c_int32),
    )

    @classmethod
    def of(cls, x: Tensor, k: int = 0) -> _Planes:
        return cls(x.data_ptr() + 4 * k * x.stride(0), x.stride(1), *x.shape[1:])


class _Places(ctypes.Structure):
    _fields_ = (
        ("fields", ctypes.c_void_p),
        ("plane", ctypes.c_int64),
        ("pairs", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("width", ctypes.c_int32),
        ("top", ctypes.c_int32),
        ("taus", ctypes.POINTER(ctypes.c_float)),
        ("count", ctypes.c_int32),
        ("sign", ctypes.c_float),
        ("scale", ctypes.c_float),
    )

    @classmethod
    def along(cls, fields: Tensor, path: Path, scale: float) -> _Places:
        _, channels, height, width = fields.shape
        taus = (ctypes.c_float * len(path.taus))(*path.taus)
        return cls(
            fields.data_ptr(), fields.stride(1), channels // 2, height, width, 0, taus, len(taus), path.sign, scale
        )

    @classmethod
    def of_grid(cls, grid: Tensor, k: int) -> _Places:
        _, height, width, _ = grid.shape
        return cls(grid.data_ptr() + 4 * k * grid.stride(0), 0, 0, height, width, 0, _ONE, 1, 1.0, 1.0)

    @classmethod
    def of_flow(cls, flow: Tensor, k: int, top: int) -> _Places:
        _, _, height, width = flow.shape
        return cls(flow.data_ptr() + 4 * k * flow.stride(0), flow.stride(1), 1, height, width, top, _ONE, 1, 1.0, 1.0)


class _Robust(ctypes.Structure):
    _fields_ = (("weights", ctypes.c_void_p), ("scale", ctypes.c_float))


_ONE = (ctypes.c_float * 1)(1.0)  # the instant of a flow


class _Rows(ctypes.Structure):
    _fields_ = (("first", ctypes.c_int32), ("last", ctypes.c_int32))


def _run(name: str, rows: int, work: int, *arguments: ctypes.Structure) -> None:
    """Call a kernel for all rows, shared over threads; ctypes releases the interpreter's lock meanwhile."""
    function = getattr(library(), name)
    pointers = [ctypes.byref(argument) for argument in arguments]
    share_rows(rows, work, lambda first, last: function(*pointers, ctypes.byref(_Rows(first, last))))


def _rows_together(x: Tensor) -> Tensor:
    """x (B, C, H, W) with the values of a plane one after the other, as it is where they are."""
    return x if x.stride(3) == 1 and x.stride(2) == x.shape[3] else x.contiguous()
