"""The summary of a batch as a page that stands alone."""

from __future__ import annotations

from html import escape
from pathlib import Path
from urllib.parse import quote

from vsdeblur.batch.summary import PAGE, Outcome, Summary
from vsdeblur.files import written
from vsdeblur.pages import look

_HEAD = "<tr><th>file</th><th>result</th><th>frames</th><th>seconds</th><th>codec, size, rate</th><th>remark</th></tr>"


def write_page(summary: Summary, folder: Path) -> None:
    """Write it beside the outputs, whole or not at all. Raises DeblurError."""
    with written(folder / PAGE) as temporary:
        temporary.write_text(page(summary), "utf-8")


def page(summary: Summary) -> str:
    """HTML that loads nothing; failures come first."""
    files = sorted(summary.files, key=lambda one: ({"failed": 0, "partial": 1}.get(one.status, 2), one.source))
    counts = f"{len(files)} files: {summary.done} with a result, {summary.failed} failed"
    chosen = ", ".join(f"{name} {value}" for name, value in summary.settings.items() if value != "None")
    others = f"<p>Passed over: {escape(', '.join(summary.skipped))}</p>" if summary.skipped else ""
    return look.page(
        f"vsdeblur: {counts}",
        f"<h1>{escape(counts)}</h1><p>{escape(chosen)}</p><table>{_HEAD}{''.join(map(_row, files))}</table>{others}",
    )


def _row(one: Outcome) -> str:
    found = one.report
    link = f'<a href="{escape(quote(one.output))}">{escape(one.source)}</a>' if one.output else escape(one.source)
    about = f"{found['codec']}, {found['width']}x{found['height']}, {found['output_rate']} fps" if found else ""
    remarks = "; ".join(filter(None, [one.reason, *found.get("lost", [])]))
    return (
        f'<tr><td>{link}</td><td class="{escape(one.status)}">{escape(one.status)}</td>'
        f'<td class="number">{found.get("frames_out", "")}</td><td class="number">{one.seconds:.1f}</td>'
        f"<td>{escape(about)}</td><td>{escape(remarks)}</td></tr>"
    )
