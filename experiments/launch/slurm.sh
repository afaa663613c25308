#!/usr/bin/env bash
# A training run on a SLURM cluster, one process a GPU:
#
#     sbatch --nodes=2 experiments/launch/slurm.sh flower16 /shared/runs/flower16 \
#       [FLAGS OF experiments.train]
#
# It is requeued, and goes on from the last checkpoint, where SLURM takes the
# nodes away, where the time is over, or where a process was lost; but not where
# it has been three times, and has made no checkpoint since it was. PYTHON names
# the interpreter, if not python.
#SBATCH --job-name=musae
#SBATCH --gpus-per-node=8
#SBATCH --ntasks-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@300
#SBATCH --requeue
#SBATCH --open-mode=append
set -uo pipefail

if (($# < 2)); then
  echo "usage: sbatch slurm.sh CONFIG WORKDIR [FLAGS]" >&2
  exit 2
fi
config=$1 workdir=$2
shift 2

newest() {
  ls "$workdir/checkpoints" 2>/dev/null | grep -xE '[0-9]+' | sort -n | tail -1
}
before=$(newest)

srun --kill-on-bad-exit=0 "${PYTHON:-python}" -m experiments.train \
  --config="$config" --workdir="$workdir" "$@"
status=$?

# 75: SIGTERM, or another process was lost. Above 128 a signal has ended one, as
# where it crashed or was killed; 130 is Ctrl-C.
if ((status == 75 || (status > 128 && status != 130))); then
  if ((${SLURM_RESTART_COUNT:-0} >= 3)) && [[ $(newest) == "$before" ]]; then
    echo "exit status $status: no checkpoint since the last start," \
      "job $SLURM_JOB_ID is not requeued" >&2
  else
    echo "exit status $status: job $SLURM_JOB_ID is requeued" >&2
    scontrol requeue "$SLURM_JOB_ID"
  fi
fi
exit $status
