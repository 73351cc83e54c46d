"""The scripts of examples/ run: basic.vpy through vspipe, mpv.vpy with what mpv hands to it; and real pipes."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
import vapoursynth as vs

from tests.support.vapoursynth import clip_of, core, moving, planes
from vsdeblur import deblur
from vsdeblur.filters.vapoursynth.chunk import ChunkSolver
from vsdeblur.filters.vapoursynth.props import ClipTiming
from vsdeblur.settings import parse_options

torch.set_num_threads(1)

ROOT = Path(__file__).parents[2]
Pipe = Callable[..., subprocess.CompletedProcess[bytes]]

SCRIPT = """
import sys
sys.path[:0] = {paths!r}
import vapoursynth as vs
from tests.support.vapoursynth import clip_of, core, moving
from vsdeblur import deblur
fmt = core.get_video_format({fmt})
clip = clip_of(fmt.id, 48, 32, 9, moving(fmt, 48, 32), {props!r}, (30000, 1001))
deblur(clip, {arguments}).set_output()
"""


@pytest.fixture(scope="session")
def vspipe(tmp_path_factory: pytest.TempPathFactory) -> Pipe:
    """Runs vspipe of this Python, configured in a folder of its own."""
    bin_dir = Path(sys.executable).parent
    home = tmp_path_factory.mktemp("config")
    env = {**os.environ, "XDG_CONFIG_HOME": str(home), "APPDATA": str(home), "OMP_NUM_THREADS": "1"}
    env["PATH"] = f"{bin_dir}{os.pathsep}{env['PATH']}"
    subprocess.run([sys.executable, "-m", "vapoursynth", "config"], env=env, check=True, capture_output=True)

    def run(*arguments: object) -> subprocess.CompletedProcess[bytes]:
        command = [str(bin_dir / "vspipe"), *map(str, arguments)]
        return subprocess.run(command, env=env, capture_output=True, timeout=120, check=False)

    return run


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., Path]:
    def write(arguments: str, fmt: str = "vs.YUV420P8", props: dict[str, int] | None = None) -> Path:
        path = tmp_path / "script.vpy"
        paths = [str(ROOT / "tests"), str(ROOT)]
        path.write_text(SCRIPT.format(paths=paths, fmt=fmt, props=props or {}, arguments=arguments))
        return path

    return write


def decoded(path: Path) -> tuple[list[av.VideoFrame], Fraction]:
    with av.open(str(path)) as container:
        rate = container.streams.video[0].average_rate
        assert rate is not None
        return list(container.decode(video=0)), Fraction(rate.num, rate.den)


def luma(frame: av.VideoFrame) -> np.ndarray:
    plane = frame.planes[0]
    dtype = np.uint8 if plane.line_size < 2 * frame.width else np.uint16
    lines = np.frombuffer(plane, dtype).reshape(plane.height, -1)
    return lines[:, : frame.width]


def test_basic_through_vspipe_and_a_decoder(vspipe: Pipe, tmp_path: Path) -> None:
    out = tmp_path / "out.y4m"
    done = vspipe("-c", "y4m", ROOT / "examples" / "basic.vpy", out)
    assert done.returncode == 0, done.stderr.decode()
    frames, rate = decoded(out)
    assert len(frames) == 32
    assert rate == 120
    assert (frames[0].width, frames[0].height) == (160, 96)
    assert luma(frames[0])[48].max() > 150
    assert np.argmax(luma(frames[-1])[48]) < np.argmax(luma(frames[0])[48]), "the bar moves to the left"


def test_stdout_carries_the_very_frames(vspipe: Pipe, script: Callable[..., Path], tmp_path: Path) -> None:
    path = script("fps_num=60, fps_den=1, shutter=1.0", "vs.YUV422P10")
    done = vspipe("-c", "y4m", path, "-")
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.startswith(b"YUV4MPEG2"), "nothing else on stdout"
    assert not re.search(r"still exist|leak|Traceback|Warning|Error", done.stderr.decode())
    (tmp_path / "out.y4m").write_bytes(done.stdout)
    frames, rate = decoded(tmp_path / "out.y4m")
    assert rate == 60
    assert {frame.format.name for frame in frames} == {"yuv422p10le"}
    info = core.get_video_format(vs.YUV422P10)
    clip = deblur(
        clip_of(info.id, 48, 32, 9, moving(info, 48, 32), None, (30000, 1001)), fps_num=60, fps_den=1, shutter=1.0
    )
    assert len(frames) == clip.num_frames == 18
    for ours, theirs in zip(clip.frames(), frames, strict=True):
        np.testing.assert_array_equal(planes(ours)[0], luma(theirs))


def test_a_range_is_the_same_part_of_the_whole(vspipe: Pipe, script: Callable[..., Path]) -> None:
    part = vspipe("-s", 9, "-e", 14, "-r", 3, script("'5/2', shutter=0.7"), "-")
    assert part.returncode == 0, part.stderr.decode()
    fmt = core.get_video_format(vs.YUV420P8)
    whole = deblur(clip_of(fmt.id, 48, 32, 9, moving(fmt, 48, 32), None, (30000, 1001)), "5/2", shutter=0.7)
    assert whole.num_frames == 22
    frames = [b"".join(plane.tobytes() for plane in planes(frame)) for frame in whole.frames()]
    assert part.stdout == b"".join(frames[9:15])


def test_errors_end_vspipe_with_a_line_that_says_why(vspipe: Pipe, script: Callable[..., Path]) -> None:
    wrong = vspipe("-c", "y4m", script("factor=99"), "-")
    assert wrong.returncode != 0
    assert wrong.stdout == b""
    assert "deblur: factor must be a number" in wrong.stderr.decode()
    fields = vspipe("-c", "y4m", script("2", props={"_FieldBased": 2}), "-")
    assert fields.returncode != 0
    assert "deblur: frame 0 is interlaced (_FieldBased=2): deinterlace first" in fields.stderr.decode()
    assert "still exist" not in fields.stderr.decode()


@pytest.mark.filterwarnings("ignore:The _ColorRange")  # mpv sets the old name
def test_mpv_script_lives_with_the_memory_that_it_asks_for() -> None:
    """As mpv serves it: an endless clip without a rate, of which only the newest frames can be had, asked for ahead."""
    text = (ROOT / "examples" / "mpv.vpy").read_text()
    options = {name: int(value) for name, value in re.findall(r"(buffered-frames|concurrent-frames)=(\d+)", text)}
    memory, ahead = options["buffered-frames"] * options["concurrent-frames"], options["concurrent-frames"]
    fmt = core.get_video_format(vs.YUV420P8)
    slide = moving(fmt, 64, 48)
    newest = -1

    def picture(n: int) -> Sequence[np.ndarray]:
        nonlocal newest
        newest = max(newest, n)
        if n <= newest - memory:
            raise ValueError(f"Frame {n} requested, but only have frames starting from {newest - memory + 1}")
        return slide(n)

    props = {"_DurationNum": 41708, "_DurationDen": 1_000_000, "_ColorRange": 1, "_FieldBased": 0}
    video_in = clip_of(fmt.id, 64, 48, (2**31 - 1) // 16, picture, props, (0, 0))
    runpy.run_path(str(ROOT / "examples" / "mpv.vpy"), {"video_in": video_in})
    assert newest == -1, "mpv answers black before the script is loaded"
    out = vs.get_output(0).clip
    vs.clear_outputs()
    waiting = [out.get_frame_async(n) for n in range(ahead)]
    for n in range(ahead, 60):
        with waiting.pop(0).result() as frame:
            assert (frame.props["_DurationNum"], frame.props["_DurationDen"]) == (10427, 500_000)
        waiting.append(out.get_frame_async(n))
    for future in waiting:
        future.result().close()
    plan = ChunkSolver(parse_options(factor=2, preset="fast"), fmt, 1920, 1080, ClipTiming(100, None, False))
    assert memory >= plan.window_length + plan.grid.length
    assert newest < 30 + plan.window_length


PREVIEWER = """
import vapoursynth as vs

class Policy(vs.EnvironmentPolicy):
    def on_policy_registered(self, api):
        self.api, self.current = api, None
    def on_policy_cleared(self):
        self.current = None
    def get_current_environment(self):
        return self.current
    def set_environment(self, environment):
        before, self.current = self.current, environment
        return before
    def is_alive(self, environment):
        return environment is not None

policy = Policy()
vs.register_policy(policy)

def script(environment):
    with policy.api.wrap_environment(environment).use():
        from vsdeblur import deblur
        clip = vs.core.std.BlankClip(width=32, height=32, format=vs.YUV420P8, length=6, color=[90, 100, 120])
        deblur(clip, 2).set_output()
        return vs.get_output(0).clip

for _ in range(3):
    environments = [policy.api.create_environment() for _ in range(2)]
    clips = [script(environment) for environment in environments]
    for environment, clip in zip(environments, clips):
        with policy.api.wrap_environment(environment).use():
            futures = [clip.get_frame_async(n) for n in range(12)]
            assert all(abs(int(f.result()[0][0, 0]) - 90) <= 1 for f in futures)
            del futures
    del clips, clip
    for environment in environments:
        policy.api.destroy_environment(environment)
    del environments, environment
print("done")
"""


def test_several_cores_in_one_process_one_after_the_other() -> None:
    """What previewers do: a core for every script, destroyed with it."""
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PREVIEWER], cwd=ROOT, env=env, capture_output=True, timeout=120, check=False
    )
    assert done.stdout.decode().strip() == "done", done.stderr.decode()
    assert "exist" not in done.stderr.decode()


def test_the_proxy_for_av1an_has_as_many_frames() -> None:
    counts = []
    for name in ("av1an.vpy", "av1an-proxy.vpy"):
        vs.clear_outputs()
        runpy.run_path(str(ROOT / "examples" / name))
        clip = vs.get_output(0).clip
        counts.append((clip.num_frames, clip.fps, clip.format.id))
    assert counts[0] == counts[1]
    assert counts[0][0] == 16
    assert len(list(clip.frames())) == 16
    vs.clear_outputs()
