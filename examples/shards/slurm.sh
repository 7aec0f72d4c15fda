#!/usr/bin/env bash
# Submits the three parts, each to begin when the one before has ended well. Run it in the config's folder, on a shared disk.
set -euo pipefail
pairs=$(sbatch --parsable --requeue --array=0-7 --cpus-per-task=8 --mem=8G \
  --wrap 'exec npx freebind train --threads "$SLURM_CPUS_PER_TASK" --part pairs --shard "$SLURM_ARRAY_TASK_ID/8"')
heads=$(sbatch --parsable --requeue --array=0-6 --cpus-per-task=8 --mem=8G --dependency="afterok:$pairs" \
  --wrap 'exec npx freebind train --threads "$SLURM_CPUS_PER_TASK" --part heads --shard "$SLURM_ARRAY_TASK_ID/7"')
sbatch --cpus-per-task=1 --mem=2G --dependency="afterok:$heads" --wrap 'exec npx freebind train --merge'
