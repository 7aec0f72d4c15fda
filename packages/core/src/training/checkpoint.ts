import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrainerState } from '../backend.ts';
import { FreebindError, isFreebindError } from '../errors.ts';
import { makeFolder } from '../files/make-folder.ts';
import { openSafetensors } from '../files/safetensors.ts';
import { writeSafetensors } from '../files/safetensors-writer.ts';
import { writeError } from '../files/write-error.ts';
import type { Tensor } from '../network.ts';
import { digestJson, digestWeights } from '../files/digest.ts';
import { findDifference } from './identity.ts';
import { readTrainedOn, type TrainedOn } from './trained-on.ts';

/** Where a run stood: everything its next step depends on, and what it has to tell. */
export interface Checkpoint {
  readonly state: TrainerState;
  /** Of every step from the first, in nats: [state.step]. */
  readonly losses: Float64Array;
  /** As used in the last step. */
  readonly temperature: number;
  /** What took the steps, in order. */
  readonly trainedOn: readonly TrainedOn[];
}

/** The checkpoints of one run, `checkpoint-STEP.safetensors`; the last two that were written are kept. */
export interface CheckpointFolder {
  /**
   * The newest checkpoint that is whole, with a word on each newer one that is damaged; undefined where there is none.
   * @throws FREEBIND_CHECKPOINT_INVALID when it belongs to another run, saying what differs, or when all are damaged
   */
  latest(): Promise<(Checkpoint & { readonly damaged: readonly string[] }) | undefined>;
  /** Writes all of it or nothing and returns its path; the one before is still there. @throws FREEBIND_WRITE_FAILED */
  save(checkpoint: Checkpoint): Promise<string>;
}

/** Newest checkpoints that are kept. */
export const KEPT = 2;
const NAME = /^checkpoint-(\d+)\.safetensors$/;
/** The loss curve's name in the file; a trainer's own tensors have a slash in their names, but for `temperature`. */
const LOSSES = 'losses';

/** `identity` is what the run is made from, as plain data; a checkpoint is continued only by a run of the same. */
export async function openCheckpoints(folder: string, identity: unknown): Promise<CheckpointFolder> {
  await makeFolder(folder).catch((cause: unknown) => {
    throw writeError(folder, cause);
  });
  return {
    latest: async () => {
      const damaged: string[] = [];
      for (const name of (await listCheckpoints(folder)).reverse()) {
        try {
          return { ...(await readCheckpoint(join(folder, name), identity)), damaged };
        } catch (error) {
          if (!isFreebindError(error, 'FREEBIND_FILE_INVALID')) throw error;
          damaged.push(`${error.message} The checkpoint before it is used.`);
        }
      }
      if (damaged.length === 0) return undefined;
      throw new FreebindError(
        'FREEBIND_CHECKPOINT_INVALID',
        `Every checkpoint in ${folder} is damaged: ${damaged[0]} Delete the folder to start this run from its beginning.`,
      );
    },
    save: async (checkpoint) => {
      const path = join(folder, `checkpoint-${String(checkpoint.state.step).padStart(9, '0')}.safetensors`);
      const tensors: Readonly<Record<string, Tensor>> = {
        ...checkpoint.state.tensors,
        [LOSSES]: { shape: [checkpoint.losses.length], data: checkpoint.losses },
      };
      const { state, temperature, trainedOn } = checkpoint;
      const freebind = JSON.stringify({ step: state.step, temperature, trainedOn, identity });
      await writeSafetensors(path, tensors, { freebind, sha256: digestOf(freebind, tensors) });
      const all = await listCheckpoints(folder);
      // Those of later steps are damaged: the run would have gone on from them.
      const later = all.filter((name) => stepOf(name) > state.step);
      const older = all.filter((name) => stepOf(name) <= state.step).slice(0, -KEPT);
      for (const name of [...older, ...later]) await rm(join(folder, name), { force: true });
      return path;
    },
  };
}

function stepOf(name: string): number {
  return Number(NAME.exec(name)?.[1] ?? 0);
}

/** Names, oldest first. */
async function listCheckpoints(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => NAME.test(name)).sort((a, b) => stepOf(a) - stepOf(b));
}

/** @throws FREEBIND_FILE_INVALID when it is damaged, FREEBIND_CHECKPOINT_INVALID when it is another run's */
async function readCheckpoint(path: string, identity: unknown): Promise<Checkpoint> {
  const file = await openSafetensors(path);
  try {
    const tensors: Record<string, Tensor> = {};
    for (const name of file.names) tensors[name] = await file.tensor(name);
    // Headers show truncation; a disk that turned bits shows only here.
    if (digestOf(file.metadata.freebind ?? '', tensors) !== file.metadata.sha256) {
      throw new FreebindError('FREEBIND_FILE_INVALID', `What is in ${path} is not what was written.`);
    }
    const { step, temperature, trainedOn, identity: theirs } = parseMetadata(file.metadata.freebind, path);
    const difference = findDifference(theirs, identity);
    if (difference !== undefined) {
      throw new FreebindError(
        'FREEBIND_CHECKPOINT_INVALID',
        `${path} belongs to another run: ${difference}. Put it back to go on with that run, or choose another folder.`,
      );
    }
    const { [LOSSES]: losses, ...own } = tensors;
    return { state: { step, tensors: own }, losses: Float64Array.from(losses?.data ?? []), temperature, trainedOn };
  } finally {
    await file.close();
  }
}

/** Of all that a checkpoint holds: its metadata and its tensors. */
function digestOf(metadata: string, tensors: Readonly<Record<string, Tensor>>): string {
  return digestJson([metadata, digestWeights(tensors)]);
}

function parseMetadata(
  text: string | undefined,
  path: string,
): Pick<Checkpoint, 'temperature' | 'trainedOn'> & { readonly step: number; readonly identity: unknown } {
  try {
    const value: unknown = JSON.parse(text ?? '');
    if (typeof value === 'object' && value !== null && 'step' in value && 'temperature' in value) {
      const { step, temperature } = value;
      const identity = 'identity' in value ? value.identity : undefined;
      const trainedOn = readTrainedOn('trainedOn' in value ? value.trainedOn : undefined);
      if (typeof step === 'number' && typeof temperature === 'number' && trainedOn !== undefined)
        return { step, temperature, trainedOn, identity };
    }
  } catch {
    // Not JSON: falls through to the refusal.
  }
  throw new FreebindError('FREEBIND_FILE_INVALID', `${path} has no checkpoint's metadata.`);
}
