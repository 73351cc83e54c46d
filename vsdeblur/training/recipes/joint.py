"""The kernel network and the network of unrolled deconvolution, trained together after each was trained alone.

A blur that is found is there to be undone. So the stages restore a part of the picture by the kernels that the first
network finds in it, and what is wrong with the result teaches both: through the data steps the kernels that it takes
to restore, and the second network what kernels that were found leave behind (Laroche, Almansa and Tassano 2022;
Carbajal et al. 2023). The errors that each learned from alone stay: that of the picture blurred again, among others,
keeps the kernels true, and restoring by kernels that are given keeps the second network from the easy way out,
which is to leave every picture as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vsdeblur.blind.deconvolve.restoration_net import RestorationNet
from vsdeblur.blind.deconvolve.unrolled import stages, started
from vsdeblur.blind.estimate.kernel_net import REACH, KernelNet
from vsdeblur.blind.estimate.kernels import RANK, meant_blur
from vsdeblur.blind.operators.pixelwise import PixelwiseBlur
from vsdeblur.training.pool import Sample
from vsdeblur.training.recipe import FallingRate
from vsdeblur.training.recipes.kernels import KernelsRecipe, mean_scores, network_error
from vsdeblur.training.recipes.restoration import RestorationRecipe, restoration_error
from vsdeblur.weights import fill

STEPS = 2000
WARM_UP = 50  # steps
CROP = 80  # pixels along a side of what is restored
_RATE = 2e-4
_RESTORED = 0.5  # weight of what is wrong with the picture restored by the kernels that were found
_GIVEN = 0.5  # and with that restored by kernels that were given
_PREFIX = "given."  # of the latter's part of a batch
_CLIP = 1.0  # what is stored ends here


class JointRecipe(FallingRate):
    """``Recipe`` of both networks, "kernels" and "restoration", which start from files of their weights.

    Args:
        steps: Of the whole course, which the rate falls along.
        peak: Of the rate.
        kernels: Weights to start from, None for the project's.
        restoration: The same of the other network.
    """

    name = "joint"
    batch = 4
    peak, warm_up = _RATE, WARM_UP

    def __init__(
        self,
        steps: int = STEPS,
        peak: float | None = None,
        *,
        kernels: Path | None = None,
        restoration: Path | None = None,
    ) -> None:
        super().__init__(steps, peak)
        self.kernels, self.restoration = KernelsRecipe(steps), RestorationRecipe(steps)
        self.begun = {"kernels": kernels, "restoration": restoration}

    def network(self) -> nn.Module:
        """Both, with the weights to start from.

        Raises:
            DeblurError: Where the project's are missing.
            InputError: For a file that holds none.
        """
        networks = nn.ModuleDict({"kernels": KernelNet(), "restoration": RestorationNet()})
        for name, part in networks.items():
            fill(part, name, self.begun[name])
        return networks.to(memory_format=torch.channels_last)

    def collate(self, samples: Sequence[Sample], rng: np.random.Generator) -> Sample:
        """As of both recipes, that of the restoration under "given."; and corner (B, 2), row and column: where the
        part begins that is restored by what was found.
        """
        batch = self.kernels.collate(samples, rng)
        room = batch["picture"].shape[-1] - CROP
        corner = torch.from_numpy(rng.integers(0, max(room, 0) + 1, (len(samples), 2)))
        given = self.restoration.collate(samples, rng)
        return batch | {"corner": corner} | {_PREFIX + key: value for key, value in given.items()}

    def loss(self, network: nn.Module, batch: Sample, step: int) -> tuple[Tensor, dict[str, float]]:
        """All errors; "gain" and "given" are what pictures gain, in dB, by kernels found and given."""
        assert isinstance(network, nn.ModuleDict)
        basis, shares, edges = network["kernels"](batch["picture"])
        apart, scalars = network_error((basis, shares, edges), batch)
        size = batch["picture"].shape[-1]
        error, gain = _restored(network["restoration"], meant_blur(basis, shares, (size, size)), batch)
        given = {key.removeprefix(_PREFIX): value for key, value in batch.items() if key.startswith(_PREFIX)}
        known, scores = self.restoration.loss(network["restoration"], given, step)
        total = apart + _RESTORED * error.mean() + _GIVEN * known
        more = {"loss": total, "restored": error.mean(), "gain": gain.mean(), "median": gain.median()}
        restored = {key: float(value.detach()) for key, value in more.items()}
        return total, scalars | restored | {"given": scores["gain"]}

    def validate(self, network: nn.Module, samples: Sequence[Sample]) -> dict[str, float]:
        """Those of the kernels, as of KernelsRecipe, and of pictures restored by them and by true ones."""
        return mean_scores(self, network, samples, ("kernel", "still", "reblur", "edges", "restored", "gain", "given"))


def _restored(network: nn.Module, blur: PixelwiseBlur, batch: Sample) -> tuple[Tensor, Tensor]:
    """(B,): the error of each picture's part, restored as having been blurred so, and its gain in dB."""
    assert isinstance(network, RestorationNet)
    errors, gains = [], []
    for k, (row, column) in enumerate(batch["corner"].tolist()):
        rows, columns = slice(row, row + CROP), slice(column, column + CROP)
        gamma, noise = float(batch["gamma"][k]), float(batch["noise"][k])
        v = batch["picture"][k : k + 1, :, rows, columns] ** gamma
        sharp = batch["sharp"][k : k + 1, :, REACH:-REACH, REACH:-REACH][..., rows, columns]
        here = PixelwiseBlur(blur.basis[k : k + 1], blur.weights[k : k + 1]).part(rows, columns)
        with torch.no_grad(), torch.autocast(v.device.type, enabled=False):
            start = started(v, here.compressed(RANK), noise, _CLIP)  # as quick as when a picture is restored
        found = stages(network, v, here, noise, _CLIP, gamma != 1, start)
        error, gain = restoration_error(found, v, sharp, gamma != 1)
        errors.append(error)
        gains.append(gain)
    return torch.cat(errors), torch.cat(gains)
