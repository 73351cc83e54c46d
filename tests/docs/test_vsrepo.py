"""The draft of an entry in vsrepo has the keys that its entries of the type PyWheel have, and is about this package."""

from __future__ import annotations

import json
import re
from importlib import import_module
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

from vsdeblur.version import __version__

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "vapoursynth.md"


def _entry() -> dict[str, Any]:
    (block,) = re.findall(r"^```json\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return json.loads(block)


def test_the_entry_has_the_keys_of_a_wheel() -> None:
    entry = _entry()
    texts = {"name", "type", "category", "description", "identifier", "modulename", "wheelname", "website", "github"}
    assert entry.keys() == texts | {"releases"}
    assert all(type(entry[name]) is str for name in texts)
    assert entry["type"] == "PyWheel"
    (release,) = entry["releases"]
    assert release.keys() == {"version", "published", "wheel"}
    assert release["wheel"].keys() == {"url", "hash"}


def test_it_says_what_the_package_is() -> None:
    entry = _entry()
    (release,) = entry["releases"]
    assert entry["wheelname"] == metadata("vsdeblur")["Name"]
    assert callable(import_module(entry["modulename"]).deblur)
    assert release["version"] == __version__
    assert release["wheel"]["url"].endswith(f"/v{__version__}/vsdeblur-{__version__}-py3-none-any.whl")
