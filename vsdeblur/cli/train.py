"""``vsdeblur train``."""

from __future__ import annotations

import click

from vsdeblur.cli import _train_pictures, _train_video


@click.group(short_help="Train the project's networks.")
def train() -> None:
    """Train the project's own networks on your photographs and clips."""


for _command in (*_train_video.COMMANDS, *_train_pictures.COMMANDS):
    train.add_command(_command)
