#!/bin/sh
# Restores the clips that are given, each beside the original; without any it asks for one. Says first how long it takes.
# Linux: vsdeblur-drop.desktop calls it. macOS: vsdeblur-drop.command is the same script, to be double-clicked.
options="--factor 4"  # for instance "--fps 60 --preset fast", or "--slow 4"
PATH="$HOME/.local/bin:$PATH"

if [ $# -eq 0 ]; then
    printf 'Drag a clip into this window and press Enter: '
    read clip # without -r: a terminal writes spaces in the name with a backslash before them
    name=$(printf '%s' "$clip" | sed "s/^'\(.*\)' *\$/\1/; s/ *\$//")
    set -- "$name"
fi
for clip in "$@"; do
    vsdeblur inspect "$clip" $options --frames 60 || continue
    printf 'Enter starts, Ctrl-C ends: '
    read -r answer
    vsdeblur transcode "$clip" "${clip%.*}-sharp.mp4" $options --resume
done
printf 'Enter closes this window: '
read -r answer
