"""A server that speaks S3, on this machine: sources, targets, segments, and what it refuses.

Skipped where moto or s3fs are not installed: ``uv run --no-config --group test --with 's3fs,moto[server]' pytest
tests/stores`` (their packages do not go with the pinned versions of others).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pyav import decode, write_clip
from vsdeblur.errors import DeblurError
from vsdeblur.filters.pyav import join, transcode
from vsdeblur.stores.stored import Stored

server = pytest.importorskip("moto.server")
pytest.importorskip("s3fs")
SETTINGS = {"factor": 2, "preset": "fast", "shutter": 0.5, "crf": 0, "encoder_options": {"preset": "ultrafast"}}


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    import s3fs

    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    host, port = running.get_host_and_port()
    words = {"ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b", "DEFAULT_REGION": "us-east-1"}
    for name, value in {**words, "ENDPOINT_URL": f"http://{host}:{port}"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("VSDEBLUR_WORK", str(tmp_path / "work"))
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().mkdir("clips")
    yield "s3://clips"
    running.stop()
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_bucket(bucket: str, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", 40)
    transcode(clip, tmp_path / "alone.mkv", **SETTINGS)
    source, target = f"{bucket}/day 1/in.mkv", f"{bucket}/new/out.mkv"
    Stored.at(source).put(clip)
    for n in (1, 2):
        transcode(source, target, **SETTINGS, segment=f"{n}/2")
    assert join(target, src=source).frames_out == 80
    assert Stored.at(bucket).files() == ["day 1/in.mkv", "new/out.mkv"]
    Stored.at(target).fetch(tmp_path / "got.mkv")
    frames = zip(decode(tmp_path / "got.mkv"), decode(tmp_path / "alone.mkv"), strict=True)
    assert all((a.to_ndarray() == b.to_ndarray()).all() for a, b in frames)
    with pytest.raises(
        DeblurError, match=r"cannot write s3://none/out.mkv: |s3://none/out.mkv: no such file or folder"
    ):
        transcode(source, "s3://none/out.mkv", **SETTINGS)
    assert not Stored.at("s3://none").exists(), "no bucket is made"
    with pytest.raises(DeblurError, match=r"s3://clips/none\.mkv: no such file or folder"):
        transcode(f"{bucket}/none.mkv", tmp_path / "out.mkv", **SETTINGS)
