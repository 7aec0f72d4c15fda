#!/usr/bin/env bash
# Submits the parts of every bond, each to begin when the one before has ended well. Run it in the config's folder, on a shared disk:
#   bash slurm.sh                       a recipe of one bond
#   bash slurm.sh u-d-vt u-d-vt-c-at    one of several, by their ids, in the recipe's order
set -euo pipefail

# Slurm starts a job again where its node failed (--requeue), but not where its command ended with an error, and what waits for that
# with afterok then never begins. So a share tries again itself. The waits are for the lock of a share that was killed on another
# node: it is free two minutes after the last sign of life.
again='for try in 1 2 3 4; do "$@" && exit 0; [ "$try" = 4 ] || sleep 150; done; exit 1'

after=()
# submit "OPTIONS OF TRAIN" OPTIONS OF SBATCH…
submit() {
  local id
  id=$(sbatch --parsable --requeue ${after[@]+"${after[@]}"} "${@:2}" --wrap "set -- npx --no -- freebind train $1; $again")
  after=(--dependency "afterok:$id")
}

for bond in "${@:-}"; do
  of=${bond:+--bond "'$bond'"}
  submit "--threads 8 --part pairs --shard \$SLURM_ARRAY_TASK_ID/8 $of" --array=0-7 --cpus-per-task=8 --mem=8G
  # A mixture of seven heads.
  submit "--threads 8 --part heads --shard \$SLURM_ARRAY_TASK_ID/7 $of" --array=0-6 --cpus-per-task=8 --mem=8G
  submit "--merge $of" --cpus-per-task=1 --mem=2G
done
