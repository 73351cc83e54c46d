"""The page itself: its sections and controls. What fills them in is ``studio.js`` and ``jobs.js``."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files

from vsdeblur.pages.look import page
from vsdeblur.studio.form import MAIN, MORE, fields

_HERE = files("vsdeblur.studio")
SCRIPT = "".join(_HERE.joinpath(name).read_text("utf-8") for name in ("studio.js", "jobs.js"))
_STYLE = _HERE.joinpath("studio.css").read_text("utf-8")


def studio_page(places: Sequence[str]) -> str:
    """HTML that loads nothing but what its script asks this server for. places: folders that may be opened."""
    return page("vsdeblur studio", f"<style>{_STYLE}</style>{_body(places)}", SCRIPT)


def _body(places: Sequence[str]) -> str:
    where = " or ".join(places)
    return f"""
<h1>vsdeblur studio</h1>
<p id="said" role="status" aria-live="polite"></p>
<section id="opening" aria-labelledby="opening-title">
<h2 id="opening-title">Open a clip</h2>
<form id="open" class="controls">
<label class="wide">path <input id="path" type="text" placeholder="in {escape(where)}" autocomplete="off"
 spellcheck="false"></label>
<button>Open</button>
<button type="button" id="browse" aria-expanded="false" aria-controls="listing">Browse</button>
<label class="button" tabindex="0">Choose a file<input id="chosen" type="file" accept="video/*" hidden></label>
</form>
<p class="hint">Or drop a file anywhere on this page. Such files are copied on this machine; nothing
leaves it.</p>
<div id="listing" hidden></div>
<div id="files" class="controls" role="group" aria-label="opened clips"></div>
</section>
<div id="work" hidden>
<section aria-labelledby="facts-title">
<h2 id="facts-title">Clip</h2>
<p id="facts"></p><div id="plots"></div>
<details><summary>All that is known of it</summary><div id="table"></div></details>
</section>
<section aria-labelledby="settings-title">
<h2 id="settings-title">Settings</h2>
<form id="settings" autocomplete="off">
<div class="fields">{fields(MAIN)}</div>
<details><summary>More settings</summary><div class="fields">{fields(MORE)}</div></details>
</form>
<p><span id="estimate"></span> <button id="measure">Estimate time and memory</button></p>
<p id="wrong" class="failed" role="alert"></p>
</section>
<section aria-labelledby="preview-title">
<h2 id="preview-title">Preview</h2>
<div class="controls">
<label class="wide">two seconds from <input id="start" type="range" min="0" max="0" step="0.1" value="0"></label>
<output id="start-said" for="start">0 s</output>
<button id="preview">Preview</button>
</div>
<div id="preview-job"></div>
<iframe id="shown" title="before and after" hidden></iframe>
</section>
<section aria-labelledby="run-title">
<h2 id="run-title">Restore it</h2>
<form id="run" class="controls">
<label class="wide">result <input id="target" type="text" autocomplete="off" spellcheck="false"></label>
<button class="main">Start</button>
<button type="button" id="adapt" title="a network learns from this clip, and is taken where it wins on parts held out"
>Learn from it for 5 minutes first</button>
</form>
<details><summary>The same as a command, and for VapourSynth</summary>
<div class="code"><pre id="command" tabindex="0"></pre><button data-copy="command">Copy the command</button></div>
<div class="code"><pre id="script" tabindex="0"></pre><button data-copy="script">Copy the script</button></div>
</details>
</section>
</div>
<section aria-labelledby="jobs-title"><h2 id="jobs-title">Jobs</h2><div id="jobs"></div></section>
"""
