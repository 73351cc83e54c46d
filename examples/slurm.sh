#!/bin/bash
#SBATCH --job-name=vsdeblur
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --requeue
# One segment of a video for every task of an array, and a job that joins them when all are done:
#
#     sbatch --array=1-40 examples/slurm.sh in.mov out.mp4 --factor 4
#
# Number the tasks from 1 on. A task that was preempted or killed is started again by Slurm and makes its segment anew;
# one whose segment is there ends at once. After failures, give the same command again: it makes what is missing.
set -euo pipefail
count=$SLURM_ARRAY_TASK_COUNT
export OMP_NUM_THREADS="${SLURM_CPUS_PER_TASK:-1}"

if [ "$SLURM_ARRAY_TASK_ID" = "$SLURM_ARRAY_TASK_MIN" ]; then
    sbatch --job-name=vsdeblur-join --dependency="afterok:$SLURM_ARRAY_JOB_ID" --kill-on-invalid-dep=yes \
        --wrap "vsdeblur join $(printf '%q' "$2")"
fi
# Machines with more or less memory would cut the clip otherwise: all plan with the same.
exec vsdeblur transcode "$@" --quiet --max-memory 4GiB --segment "$SLURM_ARRAY_TASK_ID/$count"
