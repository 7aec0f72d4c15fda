import {
  type Backend,
  type BackendManifest,
  type BankRunner,
  FreebindError,
  type Matrix,
  type Network,
  normaliseRows,
  type ProjectorRunner,
  refuseUnknownOptions,
  type Table,
  type Trainer,
  type TrainerOptions,
} from '@freebind/core';
import { ReferenceBankRunner } from './bank-runner.ts';
import { Lifetime } from './lifetime.ts';
import { ReferenceProjectorRunner } from './projector-runner.ts';
import { addTo, asReturned, zeros } from './rows.ts';
import { ReferenceTrainer } from './trainer.ts';

/** Options of the reference backend. */
export interface ReferenceOptions {
  /** Of what is returned and of training's state; default float32. All arithmetic is float64 either way. */
  readonly precision: 'float32' | 'float64';
}

/**
 * freebind's arithmetic in plain TypeScript, written to be read. With float64 it is the oracle that other backends are
 * measured against; with float32 the same sums are rounded once, where they are stored or returned.
 */
export class ReferenceBackend implements Backend {
  readonly manifest: BackendManifest;
  readonly #lifetime = new Lifetime('backend');

  /** @throws FREEBIND_ARGUMENT_INVALID */
  constructor(options: Partial<ReferenceOptions> = {}) {
    refuseUnknownOptions('reference', options, ['precision']);
    const { precision = 'float32' } = options;
    if (precision !== 'float32' && precision !== 'float64') {
      throw new FreebindError(
        'FREEBIND_ARGUMENT_INVALID',
        `The reference backend's precision is "${String(precision)}"; it must be "float32" or "float64".`,
      );
    }
    this.manifest = {
      id: 'reference',
      precision,
      device: 'cpu, 1 thread',
      training: true,
      streamedBank: true,
      bitwiseRepeatable: true,
      // float32: one rounding of numbers in [−1, 1], half a unit in the last place, 2⁻²⁵, and as much again to spare.
      // float64: sums of up to 2¹² products, each rounded at 2⁻⁵³.
      tolerance: precision === 'float32' ? 2 ** -24 : 2 ** -41,
    };
  }

  async openProjector(mixture: readonly Network[]): Promise<ProjectorRunner> {
    this.#lifetime.check();
    return new ReferenceProjectorRunner(mixture, this.manifest.precision, new Lifetime('projector', this.#lifetime));
  }

  async openBank(bank: { readonly keys: Table; readonly values?: Table }): Promise<BankRunner> {
    this.#lifetime.check();
    return new ReferenceBankRunner(bank, this.manifest.precision, new Lifetime('bank', this.#lifetime));
  }

  async openTrainer(options: TrainerOptions): Promise<Trainer> {
    this.#lifetime.check();
    return new ReferenceTrainer(options, this.manifest.precision, new Lifetime('trainer', this.#lifetime));
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
    const sum = zeros(first.rows.rows, first.rows.cols);
    for (const { rows, factor } of parts) addTo(sum.data, Float64Array.from(rows.data), factor);
    return asReturned(normaliseRows(sum), this.manifest.precision);
  }

  async close(): Promise<void> {
    this.#lifetime.close();
  }
}
