"""The benchmark's results for people: a table for the terminal and a page that stands alone."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING

from vsdeblur.bench.protocol import Frames
from vsdeblur.bench.run import Results
from vsdeblur.pages.look import page

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = (
    "all",
    "gain",
    "deblur",
    "interp",
    "SSIM",
    "SSIMULACRA 2",
    "worst 1%",
    "overshoot",
    "pulse",
    "re-blur",
    "flicker",
    "s/Mpx",
    "MiB",
)


def table(results: Results) -> Table:
    """Means over the clips, a line per method."""
    from rich.table import Table

    title = f"{results.m}/{results.factor}, mean over {len(results.clips)} clips (PSNR in dB)"
    out = Table(title=title)
    out.add_column("")
    for name in COLUMNS:
        out.add_column(name, justify="right")
    for cells in means(results):
        out.add_row(*cells)
    return out


def clip_table(results: Results) -> Table:
    """Scores over all frames (and over deblurred ones), a line per clip."""
    from rich.table import Table

    out = Table(title=f'{results.m}/{results.factor}, "all" ("deblur") by clip, dB')
    out.add_column("clip")
    for name in results.methods:
        out.add_column(name, justify="right")
    for cells in by_clip(results):
        out.add_row(*cells)
    return out


def html(results: Results) -> str:
    """A self-contained page: the means, every clip, PSNR by sub-frame, and pictures of one instant of each clip."""
    index = [[name, *map(_number, results.mean(name).by_index)] for name in results.methods]
    parts = [
        f"<h1>vsdeblur bench, {results.m}/{results.factor}</h1>",
        f"<p>Sharp clips blurred by averaging {results.m} of every {results.factor} frames, restored at factor "
        f"{results.factor}. PSNR of 8-bit RGB per frame, capped at 60 dB, first and last period left out. "
        "These numbers compare with each other only.</p>",
        _html_table(["mean", *COLUMNS], means(results)),
        "<h2>By clip: all (deblur)</h2>",
        _html_table(["clip", *results.methods], by_clip(results)),
        "<h2>PSNR by sub-frame</h2>",
        _html_table(["", *(str(j) for j in range(results.factor))], index),
        "<h2>The first sub-frame of the middle period</h2>",
    ]
    for clip, pictures in results.pictures.items():
        figures = "".join(
            f'<figure><img src="{_embed(picture)}" alt=""><figcaption>{escape(title)}</figcaption></figure>'
            for title, picture in pictures.items()
        )
        parts.append(f'<h3>{escape(clip)}</h3><div class="row">{figures}</div>')
    return page("vsdeblur bench", "\n".join(parts))


def means(results: Results) -> list[list[str]]:
    """A row per method: its name and COLUMNS."""
    rows = []
    for name in results.methods:
        mean, cost = results.mean(name), results.cost(name)
        rows.append(
            [
                name,
                f"{mean.all:.2f}",
                f"{results.gain(name):+.2f}",
                f"{mean.deblur:.2f}",
                f"{mean.interp:.2f}",
                f"{mean.ssim:.4f}",
                _number(mean.ssimulacra2),
                f"{mean.worst:+.2f}",
                f"{mean.overshoot:.2f}",
                f"{mean.pulse:.1f}",
                f"{mean.reblur:.2f}",
                f"{mean.flicker:.2f}",
                f"{cost['seconds_per_megapixel']:.2f}",
                f"{cost['peak_memory_bytes'] / 2**20:.0f}",
            ]
        )
    return rows


def by_clip(results: Results) -> list[list[str]]:
    """A row per clip: its name and "all (deblur)" of every method."""
    rows = []
    for clip in results.clips:
        scores = [results.of(name, clip)[0].score for name in results.methods]
        rows.append([clip, *(f"{s.all:.2f} ({s.deblur:.2f})" for s in scores)])
    return rows


def truth_line(results: Results) -> str:
    """How much the true frames themselves seem to pulse; empty where sub-frames are interpolated."""
    pulses = list(results.pulses.values())
    return f"The true frames themselves have a pulse of {sum(pulses) / len(pulses):.1f}." if pulses else ""


def share_lines(results: Results, of: str) -> list[str]:
    """For every row but the first, which is repeating, the share of the gain of the row ``of``."""
    return [f"{name}: {100 * results.share(name, of):.0f}%" for name in results.methods[1:] if name != of]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _html_table(head: list[str], rows: list[list[str]]) -> str:
    def line(cells: list[str], tag: str) -> str:
        own = ' class="own"' if cells[0].startswith("vsdeblur") else ""
        return f"<tr{own}>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return '<table class="figures">' + line(head, "th") + "".join(line(row, "td") for row in rows) + "</table>"


def _embed(picture: Frames) -> str:
    import cv2

    ok, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    assert ok
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")
