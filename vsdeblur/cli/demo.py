"""``vsdeblur demo``."""

from __future__ import annotations

from pathlib import Path

import click

from vsdeblur.cli._options import setting_option
from vsdeblur.pages.quantities import clock
from vsdeblur.settings.table import TABLE


@click.command(short_help="Show it on a generated clip.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("vsdeblur-demo"),
    show_default=True,
    help="Folder for the clips and the picture.",
)
@setting_option("preset", default=TABLE["preset"].default)
@setting_option("device")
def demo(out: Path, preset: str, device: str | None) -> None:
    """Film a generated scene with a slow shutter, restore it at 8 times the rate, and say what was gained.

    Needs no input. Writes blurry.mp4, sharp.mp4, compare.mp4 (slowed: blurry, restored, truth) and before-after.png.
    The last line is the gain in PSNR over showing each blurry frame eight times.
    """
    from vsdeblur.bench import demo as show

    click.echo(
        f"filming {show.PERIODS} frames at {show.RATE} fps, shutter open for {show.SHUTTER:g} of each period ..."
    )
    truth, blurry = show.shoot()
    height, width = truth.shape[1:3]
    click.echo(
        f"restoring {len(truth)} frames of {width}x{height} at {show.RATE * show.FACTOR} fps, preset {preset} ..."
    )
    result = show.restore_clip(truth, blurry, preset, device)
    before, after = result.scores()
    paths = show.write(result, out)
    click.echo(f"restored in {clock(result.seconds)}: {result.seconds / len(truth):.3f} s per frame")
    click.echo("written: " + ", ".join(map(str, paths)))
    for name, score in (("blurry frames repeated", before), ("restored", after)):
        click.echo(f"{name:22}  PSNR {score.all:5.2f} dB  (mid-exposure {score.deblur:5.2f})  SSIM {score.ssim:.3f}")
    click.echo(f"gain {after.all - before.all:+.2f} dB")
