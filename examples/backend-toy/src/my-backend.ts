import {
  type Backend,
  type BackendManifest,
  type BankRunner,
  FreebindError,
  type Matrix,
  matrix,
  type Network,
  normaliseRows,
  type ProjectorRunner,
  type Table,
  type Trainer,
} from '@freebind/core';
import { MyBankRunner } from './bank-runner.ts';
import { at } from './layers.ts';
import { Lifetime } from './lifetime.ts';
import { MyProjectorRunner } from './projector-runner.ts';

/** What a config may say of it: `['freebind-my-backend', { queues: 4 }]`. */
export interface MyBackendOptions {
  readonly queues?: number;
}

/** A backend that infers and does not train. A device would be opened in `open`; this one has none and counts queues for show. */
export class MyBackend implements Backend {
  readonly manifest: BackendManifest;
  readonly #lifetime = new Lifetime('backend');

  private constructor(queues: number) {
    this.manifest = {
      id: 'my-backend',
      precision: 'float32', // of everything that is returned; inputs come in either
      device: `my device, ${queues} queues`, // for people and for a bond's provenance
      streamedBank: true, // a bank larger than memory is read from its table in tiles
      // Largest absolute error against the float64 oracle, for outputs of unit scale: everything is summed in float64 here and
      // rounded once, by half a unit in the last place, 2⁻²⁵; as much again to spare.
      tolerance: 2 ** -24,
      // No `training`: openTrainer must throw FREEBIND_CAPABILITY_MISSING.
    };
  }

  /** @throws FREEBIND_ARGUMENT_INVALID; one with a device also FREEBIND_DEVICE_UNAVAILABLE, with what is missing and what mends it */
  static async open({ queues = 1 }: MyBackendOptions = {}): Promise<MyBackend> {
    if (Number.isSafeInteger(queues) && queues >= 1) return new MyBackend(queues);
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `my-backend was asked for ${queues} queues; give a whole number of at least 1.`,
    );
  }

  async openProjector(mixture: readonly Network[]): Promise<ProjectorRunner> {
    this.#lifetime.check();
    return new MyProjectorRunner(mixture, new Lifetime('projector', this.#lifetime));
  }

  async openBank(bank: { readonly keys: Table; readonly values?: Table }): Promise<BankRunner> {
    this.#lifetime.check();
    return new MyBankRunner(bank, new Lifetime('bank', this.#lifetime));
  }

  async openTrainer(): Promise<Trainer> {
    throw new FreebindError(
      'FREEBIND_CAPABILITY_MISSING',
      'my-backend does not train. Train with another one, such as @freebind/backend-onnx; its bonds run here.',
    );
  }

  async combine(parts: readonly { readonly rows: Matrix; readonly factor: number }[]): Promise<Matrix> {
    this.#lifetime.check();
    const shapes = parts.map(({ rows }) => `[${rows.rows}, ${rows.cols}]`);
    const [first] = parts;
    if (first === undefined || new Set(shapes).size > 1) {
      throw new FreebindError(
        'FREEBIND_SHAPE_MISMATCH',
        `Parts of shapes ${shapes.join(', ') || 'none'} were given to combine; give at least one, all of one shape.`,
      );
    }
    const { rows, cols } = first.rows;
    const sum = new Float64Array(rows * cols);
    for (const part of parts)
      for (let i = 0; i < sum.length; i++) sum[i] = at(sum, i) + part.factor * at(part.rows.data, i);
    return matrix(rows, cols, Float32Array.from(normaliseRows(matrix(rows, cols, sum)).data));
  }

  async close(): Promise<void> {
    this.#lifetime.close();
  }
}
