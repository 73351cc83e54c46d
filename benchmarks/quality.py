"""The quality table: the list of clips.toml at 8/8 and 5/8, every row, and one clip at full width if asked.

python benchmarks/quality.py --clips-dir DIR [--presets balanced] [--starts] [--full-width] [--html]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from common import machine, table
from records import RESTORATION, RESULTS, write_results

from vsdeblur.bench import report, run
from vsdeblur.bench.rows import methods
from vsdeblur.settings import PRESETS

HERE = Path(__file__).parent
FACTOR = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips-dir", type=Path, required=True)
    parser.add_argument("--list", type=Path, default=HERE / "clips.toml")
    parser.add_argument("--presets", choices=PRESETS, nargs="+", default=list(PRESETS))
    parser.add_argument("--exposures", type=int, nargs="+", default=[8, 5], help="sub-frames of 8 that are exposed")
    parser.add_argument("--starts", action="store_true", help="three starts per clip where it is long enough")
    parser.add_argument("--full-width", action="store_true", help="full-width.toml instead of the list")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--device", default=None)
    parser.add_argument("--html", action="store_true", help="pages with pictures too; they are not for committing")
    parser.add_argument("--name", default="quality", help="of the result files")
    given = parser.parse_args()

    clips = run.read_list(HERE / "full-width.toml" if given.full_width else given.list, given.clips_dir)
    if given.starts:
        clips = run.expand_starts(clips, FACTOR)
    rows = methods(given.presets, given.device, not given.no_peers)
    values, parts = {}, []
    for m in given.exposures:
        results = run.run(run.from_files(clips, FACTOR), rows, FACTOR, m, lambda clip, method: print(clip, method))
        values[f"{m}/{FACTOR}"] = results.as_dict()
        parts.append(table([f"{m}/8: mean over {len(clips)} clips", *report.COLUMNS], report.means(results)))
        parts.append(table([f"{m}/8: all (deblur), dB", *results.methods], report.by_clip(results)))
        if given.html:
            RESULTS.mkdir(exist_ok=True)
            (RESULTS / f"{given.name}-{m}.html").write_text(report.html(results), encoding="utf-8")
    write_results(given.name, {"machine": machine(), "exposures": values}, "\n\n".join(parts), RESTORATION)


if __name__ == "__main__":
    main()
