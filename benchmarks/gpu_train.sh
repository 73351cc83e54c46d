#!/usr/bin/env bash
# Trains the motion network in pieces of under ten minutes each, on an accelerator when there is one.
#
#   benchmarks/gpu_train.sh PHOTOS OUT [MINUTES_IN_ALL] [extra options of vsdeblur train motion]
#
# Every call goes on where the last one ended, so a machine that is lent for ten minutes at a time is used by calling it
# again. Rehearse it anywhere with 1 for the minutes.
set -euo pipefail
photos=$1 out=$2 minutes=${3:-30}
shift $(($# < 3 ? $# : 3))
python=${PYTHON:-python}
piece=${PIECE_SECONDS:-540}

device=$("$python" -c 'import torch; print("cuda" if torch.cuda.is_available() else "cpu")')
workers=$("$python" -c 'import os; print(max(1, len(os.sched_getaffinity(0)) - 1))')
resume=()
if [ -e "$out/checkpoint.safetensors" ]; then resume=(--resume); fi
mkdir -p "$(dirname "$out")"
# An interrupt at the end of the piece makes the command write its checkpoint and score what it has.
timeout --signal=INT --kill-after=60 "$piece" "$python" -m vsdeblur train motion \
  --photos "$photos" --out "$out" --minutes "$minutes" --device "$device" --workers "$workers" "${resume[@]}" "$@"
