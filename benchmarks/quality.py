"""The quality table: a list of clips at 8/8 and 5/8, every row, and one clip at full width if asked.

python benchmarks/quality.py --clips-dir DIR [--list real|hard|FILE] [--presets balanced] [--shipped] [--html]
    [--peer NAME=FILE.py:FUNCTION]

--list hard also has the row of the true motion (the flow between the sharp sub-frames, handed in), and the share of its
gain that every row has. Where a slower preset is worse than a faster one by more than 0.1 dB on a clip, that is listed.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from common import HERE, clip_list, machine, table
from records import RESTORATION, RESULTS, write_results

from vsdeblur.bench import order, report, run
from vsdeblur.bench.own_peer import own_peer
from vsdeblur.bench.rows import methods, shipped
from vsdeblur.bench.truth import TRUE_MOTION, true_motion
from vsdeblur.settings import PRESETS

FACTOR = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips-dir", type=Path, required=True)
    parser.add_argument("--list", default="clips", help="clips (the default), real, hard, or a file")
    parser.add_argument("--presets", choices=PRESETS, nargs="+", default=list(PRESETS))
    parser.add_argument("--shipped", action="store_true", help="of each preset only what users get")
    parser.add_argument("--true-motion", action="store_true", help="its row with any list")
    parser.add_argument("--exposures", type=int, nargs="+", default=[8, 5], help="sub-frames of 8 that are exposed")
    parser.add_argument("--starts", action="store_true", help="three starts per clip where it is long enough")
    parser.add_argument("--full-width", action="store_true", help="full-width.toml instead of the list")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--peer", action="append", default=[], help="a row of your own, as of vsdeblur bench")
    parser.add_argument("--device", default=None)
    parser.add_argument("--html", action="store_true", help="pages with pictures too; they are not for committing")
    parser.add_argument("--name", help='of the result files; "quality", or "quality-LIST" with another list')
    given = parser.parse_args()

    name = given.name or ("quality" if given.list == "clips" else f"quality-{Path(given.list).stem}")
    clips = run.read_list(HERE / "full-width.toml" if given.full_width else clip_list(given.list), given.clips_dir)
    if given.starts:
        clips = run.expand_starts(clips, FACTOR)
    rows = methods(given.presets, given.device, not given.no_peers, parts=not given.shipped)
    rows |= dict(own_peer(one, given.device) for one in given.peer)
    oracles = {TRUE_MOTION: true_motion} if given.true_motion or given.list == "hard" else {}
    values: dict[str, Any] = {}
    parts = []
    for m in given.exposures:
        scenes = run.from_files(clips, FACTOR)
        clock = time.perf_counter if torch.cuda.is_available() else time.process_time
        results = run.run(scenes, rows, FACTOR, m, lambda clip, row: print(clip, row, flush=True), oracles, clock)
        values[f"{m}/{FACTOR}"] = results.as_dict()
        parts.append(table([f"{m}/8: mean over {len(clips)} clips", *report.COLUMNS], report.means(results)))
        parts.append(table([f"{m}/8: all (deblur), dB", *results.methods], report.by_clip(results)))
        parts.append(remarks(results, given.presets))
        if given.html:
            RESULTS.mkdir(exist_ok=True)
            (RESULTS / f"{name}-{m}.html").write_text(report.html(results), encoding="utf-8")
    write_results(name, {"machine": machine(), "exposures": values}, "\n\n".join(parts), RESTORATION)


def remarks(results: run.Results, presets: list[str]) -> str:
    """What the tables do not show at once, as a list in Markdown."""
    lines = [line for line in [report.truth_line(results)] if line]
    if TRUE_MOTION in results.methods:
        won = ", ".join(report.share_lines(results, TRUE_MOTION))
        lines.append(f"Of the gain that the true motion gives: {won}.")
    found = order.losses(results, {preset: shipped(preset) for preset in PRESETS if preset in presets})
    worse = "; ".join(map(str, found)) or "nowhere"
    lines.append(f"A slower preset is worse than a faster one by more than {order.TOLERANCE} dB: {worse}.")
    return "\n".join(f"- {results.m}/{results.factor}: {line}" for line in lines)


if __name__ == "__main__":
    main()
