"""The state of a training run, kept in safetensors alone: no pickles, whole at any moment."""

from __future__ import annotations

import copy
import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from vsdeblur.errors import ArgumentError, InputError
from vsdeblur.training.recipe import Recipe
from vsdeblur.weights import fill

CHECKPOINT = "checkpoint.safetensors"
PROJECT = "project"  # as weights to start from: those of this installation


@dataclass(slots=True, eq=False)
class State:
    """Network, optimiser, moving average of the weights, and how far the run is."""

    network: nn.Module
    smooth: nn.Module
    optimiser: torch.optim.AdamW
    seed: int
    step: int = 0
    seconds: float = 0.0

    @staticmethod
    def fresh(recipe: Recipe, seed: int, out: Path, start_from: str | None = None) -> State:
        """Step 0.

        Args:
            recipe: Whose network it is.
            seed: Of random weights.
            out: Where the run is going to be.
            start_from: Weights, file or folder; "project" for the released ones, None for random ones.

        Raises:
            ArgumentError: When ``out`` already holds a run.
            InputError: For a file that holds no such weights.
        """
        if (out / CHECKPOINT).exists():
            raise ArgumentError("--out", str(out), "a folder without a checkpoint, or --resume given")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = recipe.network()
        if start_from is not None:
            fill(network, recipe.name, None if start_from == PROJECT else Path(start_from))
        return State(network, copy.deepcopy(network), _optimiser(network), seed)

    def to(self, device: torch.device) -> None:
        """Move networks and moments to ``device``."""
        self.network.to(device)
        self.smooth.to(device)
        for moments in self.optimiser.state.values():
            for key in ("exp_avg", "exp_avg_sq"):
                if key in moments:
                    moments[key] = moments[key].to(device)

    @torch.no_grad()
    def average(self, decay: float) -> None:
        """Move the averaged weights towards the network's."""
        for slow, fast in zip(self.smooth.parameters(), self.network.parameters(), strict=True):
            slow.lerp_(fast, 1 - decay)

    def averaged(self) -> nn.Module:
        """The network with the averaged weights, for evaluation."""
        return self.smooth.eval()


def save_state(state: State, recipe: Recipe, out: Path) -> None:
    """Write the checkpoint and the averaged weights, each in one stroke."""
    out.mkdir(parents=True, exist_ok=True)
    tensors = {f"network.{k}": v for k, v in state.network.state_dict().items()}
    tensors |= {f"smooth.{k}": v for k, v in state.smooth.state_dict().items()}
    for name, parameter in state.network.named_parameters():
        moments = state.optimiser.state.get(parameter, {})
        tensors |= {f"{key}.{name}": moments[key] for key in ("exp_avg", "exp_avg_sq") if key in moments}
    run = {"recipe": recipe.name, "seed": state.seed, "step": state.step, "seconds": state.seconds}
    _write(tensors, out / CHECKPOINT, run)
    for path, network in weight_files(state.smooth, recipe, out).items():
        _write(dict(network.state_dict()), path, run)


def weight_files(network: nn.Module, recipe: Recipe, out: Path) -> dict[Path, nn.Module]:
    """Which file has the weights of what: several networks that are trained together have one each, by their names."""
    parts = network.items() if isinstance(network, nn.ModuleDict) else [(recipe.name, network)]
    return {out / f"{name}.safetensors": part for name, part in parts}


def load_state(recipe: Recipe, seed: int, out: Path) -> State:
    """The state that ``save_state`` wrote.

    Raises:
        InputError: For another recipe's or seed's, or none.
    """
    path = out / CHECKPOINT
    if not path.exists():
        raise InputError(f"{path}: there is nothing to resume")
    try:
        with safe_open(path, "pt") as file:
            run = json.loads((file.metadata() or {})["run"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except Exception as error:
        raise InputError(f"{path}: not a checkpoint that can be read ({type(error).__name__})") from None
    if (run["recipe"], run["seed"]) != (recipe.name, seed):
        raise InputError(f"{path}: a run of {run['recipe']} with seed {run['seed']}, not of {recipe.name} with {seed}")
    network, smooth = recipe.network(), recipe.network()
    network.load_state_dict(_under("network.", tensors))
    smooth.load_state_dict(_under("smooth.", tensors))
    optimiser = _optimiser(network)
    first, second = _under("exp_avg.", tensors), _under("exp_avg_sq.", tensors)
    for name, parameter in network.named_parameters():
        if name in first:
            moments = {"step": torch.tensor(float(run["step"])), "exp_avg": first[name], "exp_avg_sq": second[name]}
            optimiser.state[parameter] = moments
    return State(network, smooth, optimiser, seed, run["step"], run["seconds"])


def _optimiser(network: nn.Module) -> torch.optim.AdamW:
    return torch.optim.AdamW(network.parameters(), weight_decay=1e-4)  # the recipe sets each step's rate


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _write(tensors: dict[str, Tensor], path: Path, run: dict[str, object]) -> None:
    part = path.with_name(path.name + ".part")
    save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, part, {"run": json.dumps(run)})
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
