"""The tags of a file and of its streams: which are copied, and which of them a container drops."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from av.stream import Disposition

# What a muxer writes about itself or its file, and must not be repeated about another.
_OWN = re.compile(
    r"major_brand|minor_version|compatible_brands|encoder|duration(-.*)?|vendor_id|alpha_mode"
    r"|(bps|number_of_(frames|bytes)|_statistics_.*)(-.*)?",
    re.IGNORECASE,
)
_USUAL = re.compile(r"und|(video|sound|subtitle|text|data|meta)handler|core media \w+", re.IGNORECASE)  # say nothing
_TAGGED = ("video", "audio", "subtitle", "data")  # streams; attachments are files of their own

Tags = Mapping[str, str]
Place = str  # what has tags: the file, or a stream by its kind and number
FILE: Place = "the file"


def kept(tags: Tags) -> dict[str, str]:
    """The tags that are said again about an output."""
    found = {name: value for name, value in tags.items() if not _OWN.fullmatch(name)}
    if "creation_time" in found:  # FFmpeg joins the two places that mp4 may have it in
        found["creation_time"] = found["creation_time"].partition(";")[0]
    return found


def kept_of_stream(tags: Tags) -> dict[str, str]:
    """Those of a stream. The title that mp4 and mov have of one is read as its name."""
    found = kept(tags)
    if "name" in found and "title" not in found:
        found["title"] = found.pop("name")
    return found


def tags_of(container: Any) -> dict[Place, Tags]:
    """The tags of an opened file and of its streams."""
    streams = [one for one in container.streams if is_tagged(one)]
    return placed(container.metadata, [(one.type, one.metadata) for one in streams])


def is_tagged(stream: Any) -> bool:
    """Whether the tags of a stream count; those of pictures and attachments are made of what they hold."""
    return stream.type in _TAGGED and not stream.disposition & Disposition.attached_pic


def placed(file: Tags, streams: Sequence[tuple[str, Tags]]) -> dict[Place, Tags]:
    """Tags by their places. streams: kind and tags, in order; counted by kind, since containers order them anew."""
    count: Counter[str] = Counter()
    found: dict[Place, Tags] = {FILE: dict(file)}
    for kind, tags in streams:
        count[kind] += 1
        found[f"{kind} stream {count[kind]}"] = dict(tags)
    return found


def lost_tags(wanted: Mapping[Place, Tags], written: Mapping[Place, Tags]) -> list[str]:
    """What of tags is not there, in words.

    A tag is there under its name in any case, or by its value: containers have names of their own. A start timecode
    may be in another place, since some have a track for it.

    Args:
        wanted: What an output was to have.
        written: What was read again; of streams that were not, nothing is known.
    """
    everywhere = {name.lower(): value for tags in written.values() for name, value in tags.items()}
    lost = []
    for place, tags in wanted.items():
        if place not in written:
            continue
        names = {name.lower() for name in written[place]}
        values = {*written[place].values(), everywhere.get("timecode", "")}
        missing = {name for name in tags if not {name.lower(), _base(name)} & names and tags[name] not in values}
        missing = {name for name in missing if not _USUAL.fullmatch(tags[name]) and _base(name) not in missing}
        if place != FILE:
            missing = {name for name in missing if tags[name] != wanted[FILE].get(name)}  # said of the file already
        if missing:
            lost.append(f"tags of {place} ({', '.join(sorted(missing, key=str.lower))})")
    return lost


def _base(name: str) -> str:
    """The name of a tag that has its language in it (comment-eng)."""
    return name.lower().rpartition("-")[0]
