"""The summary of a batch as a page that stands alone."""

from __future__ import annotations

from html import escape
from pathlib import Path
from urllib.parse import quote

from vsdeblur.batch.summary import PAGE, Outcome, Summary
from vsdeblur.files import written

_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% } td, th { padding: .25rem .6rem; text-align: left; vertical-align: top }
th { border-bottom: 1px solid #888 } td.number { text-align: right; font-variant-numeric: tabular-nums }
tr + tr td { border-top: 1px solid #8884 }
.failed { color: #c0392b } .partial { color: #b9770e } .done { color: #2e7d32 }
"""
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
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>vsdeblur: {escape(counts)}</title><style>{_STYLE}</style>"
        f"<h1>{escape(counts)}</h1><p>{escape(chosen)}</p>"
        f"<table>{_HEAD}{''.join(map(_row, files))}</table>{others}</html>\n"
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
