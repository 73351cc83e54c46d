#!/usr/bin/env bash
# Measures in under ten minutes all that only an accelerator can tell: benchmarks/gpu.py, ended when its time is over.
#
#   benchmarks/gpu.sh [OPTIONS OF gpu.py]
#
# It needs nothing but the project's environment, and writes benchmarks/results/gpu.json and gpu.md. Rehearse it anywhere:
#
#   benchmarks/gpu.sh --device cpu --sizes 64x48 --small 64x48 --presets fast --factor 2 --steps 1
set -uo pipefail
here=$(dirname "$0")
python=${PYTHON:-python}
timeout --kill-after=20 "${SECONDS_AT_MOST:-580}" "$python" "$here/gpu.py" "$@"
status=$?
case $status in
  0) echo "gpu.sh: done" ;;
  124) echo "gpu.sh: ended when its time was over; what is printed above is all there is" ;;
  *) echo "gpu.sh: gpu.py ended with $status" ;;
esac
exit $status
