#!/bin/bash
# Submits a manifest to Slurm: an array for each stage, after the one before; what is given behind goes to sbatch.
#
#   deploy/slurm/submit.sh many.jsonl --partition=gpu --gres=gpu:1
set -euo pipefail
manifest=$(realpath "${1:?names the manifest}")
shift
entry=$(dirname "$(realpath "$0")")/entry.sbatch
after=()
trapan status --manifest "$manifest" --stages | while read -r indices; do
    job=$(MANIFEST=$manifest sbatch --parsable --array="$indices" --export=ALL "${after[@]}" "$@" "$entry")
    echo "entries $indices: job $job"
    # Failed entries leave a record; those that wait for them say so themselves.
    after=(--dependency="afterany:${job%%;*}")
done
