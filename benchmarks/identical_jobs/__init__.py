"""The jobs of ``identical.py``: each runs the package by its public names alone, and hands back all that comes out.

A module a subject; a job is a function that yields its parts, ``(label, array or text)``, in a fixed order.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from hashlib import sha256
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

Parts = Iterator[tuple[str, np.ndarray[Any, Any] | str]]

_MODULES = ("tensors", "modes", "estimates", "stills", "vs_clips", "av_frames", "files", "command", "errors")
_SHARED = ("scenes", "av_pictures")


@dataclass(frozen=True, slots=True)
class Job:
    """name: "subject/what". run: makes the parts. quick: whether it is of the short set. source: hash of its code.

    about: the part of the package that sets it apart from the other jobs, None where it is none.
    """

    name: str
    run: Callable[[], Parts]
    quick: bool
    source: str
    about: str | None = None


_jobs: dict[str, Job] = {}


def job(
    name: str, /, *, quick: bool = False, **arguments: Any
) -> Callable[[Callable[..., Parts]], Callable[..., Parts]]:
    """Register the function as a job, with these arguments; may be repeated."""

    def register(function: Callable[..., Parts]) -> Callable[..., Parts]:
        if name in _jobs:
            raise ValueError(f"two jobs are named {name}")
        modules = [import_module(f"{__name__}.{module}") for module in _SHARED] + [sys.modules[function.__module__]]
        text = "".join(map(_code, modules)) + repr(sorted(arguments.items()))
        source = sha256(text.encode()).hexdigest()
        about = "vsdeblur/priors" if arguments.get("prior") else None
        _jobs[name] = Job(name, lambda: function(**arguments), quick, source, about)
        return function

    return register


def all_jobs() -> list[Job]:
    for module in _MODULES:
        import_module(f"{__name__}.{module}")
    return list(_jobs.values())


def chosen(patterns: Sequence[str]) -> list[Job]:
    """The jobs whose names match any of the patterns: "quick", a shell pattern, or a part of the name. All for none."""
    return [job for job in all_jobs() if not patterns or any(_matches(job, pattern) for pattern in patterns)]


def _matches(job: Job, pattern: str) -> bool:
    return (pattern == "quick" and job.quick) or fnmatchcase(job.name, pattern) or pattern in job.name


@cache
def _code(module: ModuleType) -> str:
    """What the module does: without layout, comments and docstrings, and without the list of jobs in the decorators."""
    tree = ast.parse(inspect.getsource(module))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = []
    return ast.dump(tree)
