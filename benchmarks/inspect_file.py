"""What ``vsdeblur inspect`` costs, what part of a transcode that is, and how well it tells the time.

python benchmarks/inspect_file.py CLIP... [--preset balanced] [--factor 2] [--max-memory 1GiB] [--no-chunk]

The whole command runs in a fresh process, as a user runs it. Then one chunk from the middle of the clip is restored at
full size, with its halo; the transcode's time is that of all its chunks. Processor time, which does not depend on what
else runs; seconds on the clock are given beside it. The part of a transcode is an upper bound: that looks for the
shutter alone unless it is asked for the readout too.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from common import machine, table
from records import HOSTS, write_results

from vsdeblur.engine.duration import FRAMES, PIECE, seconds_per_output
from vsdeblur.engine.engine import Engine
from vsdeblur.filters.pyav.colour import Converter
from vsdeblur.filters.pyav.file.source import Source
from vsdeblur.filters.pyav.inspect.content import reach
from vsdeblur.settings import PRESETS, parse_options
from vsdeblur.timing import instant
from vsdeblur.window import Window


def inspected(clip: Path, *more: str) -> tuple[dict[str, Any], float, float]:
    """What the command says, and its seconds on the clock and of the processor."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "vsdeblur", "inspect", str(clip), "--json", *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    elapsed, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(done.stdout), elapsed, spent


def restored(clip: Path, preset: str, factor: str, max_memory: str) -> tuple[float, float]:
    """Processor time of the engine for an output, as told by a piece, and as it takes for a chunk of the clip."""
    options = parse_options(factor=factor, shutter=0.5, preset=preset, max_memory=max_memory)
    with Source(str(clip)) as source:
        first = next(source.frames())
        converter = Converter(first)
        engine = Engine(options, first.height, first.width, converter.channels, host_bytes=converter.host_bytes)
        chunk, halo = engine.plan.chunk, engine.plan.halo
        start = max((source.total or 0) // 2 - halo, 0)
        light = torch.empty(max(chunk + 2 * halo, FRAMES), converter.channels, first.height, first.width)
        frames = list(islice(source.frames(), start, start + len(light)))
    for out, frame in zip(light, frames, strict=True):
        converter.decode(frame, out)
    top, left = ((length - part) // 2 for length, part in zip(light.shape[-2:], PIECE, strict=True))
    piece = light[:FRAMES, :3, top : top + PIECE[0], left : left + PIECE[1]].clone()
    size = (first.height, first.width)
    told = seconds_per_output(piece, options, engine.plan, *size, reach(frames[:FRAMES]), time.process_time)
    window = Window(light[: chunk + 2 * halo], 0, halo, chunk)
    shown = (instant(j, options.factor, options.shutter) for j in range(int((halo + chunk) * options.factor)))
    instants = [t for t in shown if t >= halo]
    begin = time.process_time()
    made = sum(1 for _ in engine.restore(window, instants))
    return told, (time.process_time() - begin) / made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--preset", choices=PRESETS, default="fast")
    parser.add_argument("--factor", default="2")
    parser.add_argument("--max-memory", default="1GiB", help="small chunks take less time to measure")
    parser.add_argument("--no-chunk", action="store_true", help="do not restore anything at full size")
    given = parser.parse_args()
    rows, values = [], []
    for clip in given.clips:
        told, elapsed, spent = inspected(clip, "--preset", given.preset, "--factor", given.factor)
        picture, timing = told["picture"], told["timing"]
        row = [clip.stem, f"{picture['width']}x{picture['height']}", f"{timing['seconds']:.1f}"]
        row += [f"{spent:.1f}", f"{elapsed:.1f}"]
        value = {"clip": clip.name, "picture": picture, "timing": timing, "elapsed": elapsed, "spent": spent}
        if not given.no_chunk:
            foretold, taken = restored(clip, given.preset, given.factor, given.max_memory)
            outputs = int(timing["frames"] * Fraction(given.factor))
            row += [f"{taken:.1f}", f"{foretold / taken:.2f}", f"{100 * spent / (outputs * taken):.2f}%"]
            value |= {"foretold": foretold, "taken": taken, "outputs": outputs}
        rows.append(row)
        values.append(value)
        print(row, flush=True)
    head = ["clip", "size", "seconds of it", "inspect, CPU s", "on the clock"]
    more = ["an output, CPU s", "told / taken", "inspect of transcode"]
    text = f"preset {given.preset}, factor {given.factor}, {torch.get_num_threads()} threads\n\n"
    text += table(head + ([] if given.no_chunk else more), rows)
    common = {"machine": machine(), "preset": given.preset, "factor": given.factor}
    write_results("inspect", common | {"clips": values}, text, HOSTS)


if __name__ == "__main__":
    main()
