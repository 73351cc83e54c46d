"""Models as users bring them: a mean over space and frames, as TorchScript and as ONNX."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn


class WindowMean(nn.Module):
    """(B, 3, H, W) of frames (B, T, 3, H, W) and a noise map: the mean over the frames and ``reach`` pixels around."""

    def __init__(self, reach: int, frames: int) -> None:
        super().__init__()
        self.frames = frames
        side = 2 * reach + 1
        self.mean = nn.AvgPool2d(side, 1, reach, count_include_pad=False)

    def forward(self, frames: Tensor, sigma: Tensor) -> Tensor:
        found: Tensor = self.mean(frames.mean(1)) + 0 * sigma
        return found


class PictureMean(nn.Module):
    """(B, 3, H, W) of pictures (B, 3, H, W) and a noise map."""

    def __init__(self, reach: int) -> None:
        super().__init__()
        self.mean = nn.AvgPool2d(2 * reach + 1, 1, reach, count_include_pad=False)

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        found: Tensor = self.mean(x) + 0 * sigma
        return found


def scripted(path: Path, module: nn.Module, declaration: str) -> str:
    """Save a module with its declaration; the name of the prior."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(module.eval()).save(str(path))
    path.with_suffix(".toml").write_text(declaration)
    return f"torchscript:{path}"


def onnx_mean(
    path: Path,
    declaration: str,
    *,
    frames: int = 1,
    reach: int = 1,
    noise: bool = True,
    size: tuple[int, int] | None = None,
) -> str:
    """A mean over stacked frames (1, T 3, H, W) and ``reach`` pixels around as ONNX; the name of the prior."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    high, wide = size or ("h", "w")
    side = 2 * reach + 1
    kernel = np.zeros((3, 3 * frames, side, side), np.float32)
    for c in range(3):
        kernel[c, c::3] = 1 / (frames * side * side)
    nodes = [
        helper.make_node("Pad", ["x", "pads"], ["wide"], mode="edge"),
        helper.make_node("Conv", ["wide", "kernel"], ["mean"]),
        helper.make_node("Mul", ["sigma", "zero"], ["nothing"]) if noise else None,
        helper.make_node("Add", ["mean", "nothing" if noise else "zero"], ["y"]),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3 * frames, high, wide])]
    if noise:
        inputs.append(helper.make_tensor_value_info("sigma", TensorProto.FLOAT, [1, 1, high, wide]))
    graph = helper.make_graph(
        [node for node in nodes if node is not None],
        "mean",
        inputs,
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, high, wide])],
        [
            numpy_helper.from_array(kernel, "kernel"),
            numpy_helper.from_array(np.array([0, 0, reach, reach, 0, 0, reach, reach], np.int64), "pads"),
            numpy_helper.from_array(np.zeros((), np.float32), "zero"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, str(path))
    path.with_suffix(".toml").write_text(declaration)
    return f"onnx:{path}"
