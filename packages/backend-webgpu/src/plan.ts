import type { Device } from './device.ts';
import type { TileChoice } from './kernels/matmul-tiles.ts';
import { ALIGNMENT, countOf, NUMBER, type Rows } from './rows.ts';
import { COPY_TARGET, MAP_READ, UNIFORM } from './usage.ts';

/** A program for the device: WGSL with the entry point `main`. */
export interface Kernel {
  readonly label: string;
  readonly source: string;
}

/** One run of a kernel. */
export interface Dispatch {
  readonly kernel: Kernel;
  /** 32-bit words of the uniform at binding 0: whole numbers, and reals by `real`. */
  readonly numbers: readonly number[];
  /** From binding 1 on. */
  readonly bindings: readonly Rows[];
  readonly groups: readonly [x: number, y: number];
}

/** The word that a float32 is stored as. */
export function real(x: number): number {
  return new Uint32Array(Float32Array.of(x).buffer)[0] ?? 0;
}

/** Dispatches in order, recorded once and submitted as often as needed, each time as one command buffer. */
export class Plan {
  readonly tiles: TileChoice;
  readonly #device: Device;
  readonly #recorded: Promise<Dispatch>[] = [];
  #uniforms: GPUBuffer | undefined;
  #bound: readonly (Dispatch & { readonly pipeline: GPUComputePipeline; readonly group: GPUBindGroup })[] = [];

  constructor(device: Device, tiles: TileChoice) {
    this.#device = device;
    this.tiles = tiles;
  }

  /** Adds a dispatch, which may still depend on a measurement. */
  dispatch(dispatch: Dispatch | Promise<Dispatch>): void {
    const recorded = Promise.resolve(dispatch);
    recorded.catch(() => undefined); // `prepare` waits for it
    this.#recorded.push(recorded);
  }

  /** Compiles what is not compiled yet, and binds. @throws FREEBIND_BACKEND_FAILED */
  async prepare(): Promise<this> {
    // A dispatch of nothing has nothing to bind: a binding of no bytes is refused.
    const dispatches = (await Promise.all(this.#recorded)).filter(({ groups: [x, y] }) => x * y > 0);
    const compiled = await Promise.all(
      dispatches.map(async (dispatch) => ({ ...dispatch, pipeline: await this.#device.pipeline(dispatch.kernel) })),
    );
    await this.#device.guard('Preparing kernels', () => {
      const size = Math.max(1, compiled.length) * ALIGNMENT;
      const uniforms = this.#device.createBuffer('uniforms', size, UNIFORM, true);
      this.#uniforms = uniforms;
      const words = new Uint32Array(uniforms.getMappedRange());
      compiled.forEach(({ numbers }, i) => words.set(numbers, (i * ALIGNMENT) / NUMBER));
      uniforms.unmap();
      this.#bound = compiled.map((dispatch, i) => {
        // Structs of a uniform are padded to 16 bytes.
        const struct = { buffer: uniforms, offset: i * ALIGNMENT, size: Math.ceil(dispatch.numbers.length / 4) * 16 };
        const group = this.#device.createBindGroup(dispatch.pipeline, [struct, ...dispatch.bindings.map(bindingOf)]);
        return { ...dispatch, group };
      });
    });
    return this;
  }

  encode(encoder: GPUCommandEncoder): void {
    const pass = encoder.beginComputePass();
    for (const { pipeline, group, groups } of this.#bound) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...groups);
    }
    pass.end();
  }

  close(): void {
    if (this.#uniforms) this.#device.destroyBuffer(this.#uniforms);
    this.#uniforms = undefined;
    this.#bound = [];
  }
}

/** Submits a plan, if any, and reads `results` when it is done. @throws FREEBIND_BACKEND_FAILED */
export async function submitAndRead(
  device: Device,
  plan: Plan | undefined,
  results: readonly Rows[],
): Promise<readonly ArrayBuffer[]> {
  const staging: GPUBuffer[] = [];
  try {
    await device.guard('A submission', () => {
      const encoder = device.createEncoder();
      plan?.encode(encoder);
      for (const rows of results) {
        const bytes = countOf(rows) * NUMBER;
        const buffer = device.createBuffer('result', Math.max(NUMBER, bytes), MAP_READ | COPY_TARGET);
        staging.push(buffer);
        if (bytes > 0) encoder.copyBufferToBuffer(rows.buffer, rows.offset, buffer, 0, bytes);
      }
      device.queue.submit([encoder.finish()]);
    });
    return await Promise.all(staging.map((buffer) => device.readMapped(buffer)));
  } finally {
    for (const buffer of staging) device.destroyBuffer(buffer);
  }
}

function bindingOf(rows: Rows): GPUBufferBinding {
  return { buffer: rows.buffer, offset: rows.offset, size: Math.max(NUMBER, countOf(rows) * NUMBER) };
}
