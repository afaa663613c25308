#!/usr/bin/env bash
# A training run on all hosts of a TPU slice, started from anywhere:
#
#     experiments/launch/tpu.sh NAME ZONE flower16 /mnt/bucket/runs/flower16 \
#       [FLAGS OF experiments.train]
#
# NAME is a TPU VM that has the repository in ~/musae and in ~/musae/.venv what
# pip install -c constraints.txt -e '.[tpu]' installs (docs/tpu.md). Where the
# TPU is taken away or a process is lost, the same command goes on.
set -euo pipefail

if (($# < 4)); then
  echo "usage: tpu.sh NAME ZONE CONFIG WORKDIR [FLAGS]" >&2
  exit 2
fi
name=$1 zone=$2 config=$3 workdir=$4
shift 4

# Quoted for the shell of the other side.
command=$(printf '%q ' .venv/bin/python -m experiments.train \
  "--config=$config" "--workdir=$workdir" "$@")
exec gcloud compute tpus tpu-vm ssh "$name" --zone="$zone" --worker=all \
  --command="cd ~/musae && exec $command"
