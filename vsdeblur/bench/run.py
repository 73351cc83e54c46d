"""Running the benchmark: every method on every clip, with time and memory beside the scores."""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from vsdeblur.bench.judge import Judge, Score, mean_score
from vsdeblur.bench.meter import MemoryMeter
from vsdeblur.bench.protocol import Clip, Frames, blur, load, spread_starts
from vsdeblur.bench.rows import Method
from vsdeblur.bench.truth import Oracle
from vsdeblur.errors import InputError

Pictures = dict[str, Frames]  # title -> one picture (H, W, 3)


class Sharp(NamedTuple):
    """The sharp sub-frames of one clip, (T, H, W, 3); one in ``every`` is a true frame, the others interpolated."""

    name: str
    frames: Frames
    every: int = 1


@dataclass(frozen=True, slots=True)
class Result:
    """One method on one clip. seconds: per output megapixel. memory: growth of the process at its peak, bytes."""

    clip: str
    method: str
    score: Score
    seconds: float
    memory: int


@dataclass(slots=True)
class Results:
    """The whole table: ``factor`` sub-frames per period of which the first ``m`` were exposed."""

    factor: int
    m: int
    rows: list[Result] = field(default_factory=list)
    pictures: dict[str, Pictures] = field(default_factory=dict)
    pulses: dict[str, float] = field(default_factory=dict)  # of the true frames, of clips without interpolated ones

    @property
    def methods(self) -> list[str]:
        """Methods in the order of their first rows."""
        return list(dict.fromkeys(row.method for row in self.rows))

    @property
    def clips(self) -> list[str]:
        """Clips in the order of their first rows."""
        return list(dict.fromkeys(row.clip for row in self.rows))

    def of(self, method: str, clip: str | None = None) -> list[Result]:
        """The rows of one method, of all clips or one."""
        return [row for row in self.rows if row.method == method and clip in (None, row.clip)]

    def mean(self, method: str) -> Score:
        """A method's mean score over the clips."""
        return mean_score([row.score for row in self.of(method)])

    def gain(self, method: str) -> float:
        """Mean over clips of "all", over repeating the blurry frame."""
        return self.mean(method).all - self.mean("repeat").all

    def share(self, method: str, of: str) -> float:
        """The part of the gain of the row ``of`` that a method has."""
        return self.gain(method) / self.gain(of)

    def as_dict(self) -> dict[str, Any]:
        """What the JSON file holds."""
        return {
            "protocol": f"{self.m}/{self.factor}",
            "factor": self.factor,
            "shutter": self.m / self.factor,
            "mean": {
                name: {"gain": self.gain(name), **self.mean(name).as_dict(), **self.cost(name)} for name in self.methods
            },
            "clips": [
                {
                    "clip": row.clip,
                    "method": row.method,
                    **row.score.as_dict(),
                    "seconds_per_megapixel": row.seconds,
                    "peak_memory_bytes": row.memory,
                }
                for row in self.rows
            ],
            "true_pulse": self.pulses,
        }

    def cost(self, method: str) -> dict[str, float]:
        """Seconds per output megapixel (mean over clips) and bytes (the most of any clip)."""
        rows = self.of(method)
        return {
            "seconds_per_megapixel": sum(row.seconds for row in rows) / len(rows),
            "peak_memory_bytes": max(row.memory for row in rows),
        }


def read_list(path: Path, folder: Path | None = None) -> list[Clip]:
    """A clip list in TOML ([[clip]] tables) or JSON ({"clip": [...]}): path, width, start, periods each.

    Relative paths are taken from ``folder``, or from the list's own. Raises InputError.
    """
    try:
        text = path.read_text(encoding="utf-8")
        table = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        entries = table["clip"]
        return [_entry(entry, folder or path.parent) for entry in entries]
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a clip list ({error})") from None


def expand_starts(clips: Sequence[Clip], factor: int) -> list[Clip]:
    """Three starts for each clip that is long enough."""
    from vsdeblur.filters.pyav.file.read import count_frames

    out: list[Clip] = []
    for clip in clips:
        starts = spread_starts(clip.start, clip.periods * factor, count_frames(clip.path))
        out += [replace(clip, start=start) for start in starts]
    return out


def from_files(clips: Sequence[Clip], factor: int) -> Iterator[Sharp]:
    """The sharp sub-frames of each clip, read one at a time."""
    for clip in clips:
        yield Sharp(clip.name, load(clip, factor), clip.oversample)


def synthetic(factor: int) -> Iterator[Sharp]:
    """The demo's scene, where no clips are given."""
    from vsdeblur.synthetic.scene import Scene, film

    sharp, _ = film(Scene(160, 288), 5, factor, 1.0, lambda light: light ** (1 / 2.2))
    yield Sharp("synthetic", sharp)


def run(
    clips: Iterable[Sharp],
    methods: Mapping[str, Method],
    factor: int,
    m: int,
    progress: Callable[[str, str], None] | None = None,
    oracles: Mapping[str, Oracle] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Results:
    """Every method on every clip, then those that know the truth.

    ``progress(clip, method)`` is called before each. ``clock`` times them, seconds: ``time.process_time`` where other
    work runs on the same processor.
    """
    results = Results(factor, m)
    for given, sharp, every in clips:
        again = sum(name.split(" #")[0] == given for name in results.pictures)
        name = f"{given} #{again + 1}" if again else given
        blurry = blur(sharp, factor, m)
        judge = Judge(sharp, blurry, factor, m, every)
        if every == 1:
            results.pulses[name] = judge.calm(sharp).pulse
        shown = len(blurry) // 2 * factor  # the first sub-frame of the middle period: blur and timing both show
        results.pictures[name] = {"truth": sharp[shown]}
        knowing = {row: partial(oracle, blurry, sharp) for row, oracle in (oracles or {}).items()}
        for method, restore in ({row: partial(one, blurry) for row, one in methods.items()} | knowing).items():
            if progress:
                progress(name, method)
            with MemoryMeter() as meter:
                begin = clock()
                restored = restore(factor, m)
                seconds = clock() - begin
            pixels = restored.size / 3 / 1e6
            results.rows.append(Result(name, method, judge(restored), seconds / pixels, meter.peak))
            results.pictures[name][method] = restored[shown]
    return results


def _entry(entry: Mapping[str, Any], folder: Path) -> Clip:
    unknown = set(entry) - {"path", "width", "start", "periods", "crop", "oversample"}
    if unknown:
        raise ValueError(f"unknown key {sorted(unknown)[0]}")
    least = {"width": 32, "start": 0, "periods": 3, "oversample": 1}
    numbers = {key: int(entry[key]) for key in least if key in entry}
    if any(value < least[key] for key, value in numbers.items()):
        raise ValueError("width must be at least 32, start 0, periods 3, oversample 1")
    return Clip(folder / entry["path"], **numbers, crop=_crop(entry["crop"]) if "crop" in entry else None)


def _crop(values: Sequence[Any]) -> tuple[int, int, int, int]:
    left, top, width, height = map(int, values)
    if min(left, top) < 0 or min(width, height) < 32:
        raise ValueError("crop must be left and top of at least 0, width and height of at least 32")
    return left, top, width, height
