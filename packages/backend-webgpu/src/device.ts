/// <reference types="@webgpu/types" />
import { FreebindError } from '@freebind/core';
import { deviceFailed, OutOfMemory, unavailable, withoutHalf } from './device-errors.ts';
import type { Host } from './host.ts';
import type { SubgroupMatrix } from './kernels/matmul-tiles.ts';
import { fitsParts } from './kernels/matrix-matmul.ts';
import type { Kernel } from './plan.ts';
import { FOR_READING } from './usage.ts';

/** What this backend asks of an adapter beyond the defaults: as large buffers as there are. */
const RAISED = ['maxBufferSize', 'maxStorageBufferBindingSize'] as const;

/** Lets lanes that run together hand each other numbers; the tiles of products that do are used where the adapter has it. */
const SUBGROUPS: GPUFeatureName = 'subgroups';

/** What kernels with float16 factors need of an adapter. */
const HALF: GPUFeatureName = 'shader-f16';
/** Products of small matrices by a subgroup; not in the standard yet, and so not in its types. */
const MATRICES = 'chromium-experimental-subgroup-matrix' as GPUFeatureName;

/** Counts of what is allocated on the device. */
export interface Allocated {
  readonly buffers: number;
  readonly bytes: number;
}

/** One WebGPU device: allocation that is counted, pipelines that are compiled once, and errors that become `FreebindError`s. */
export class Device {
  /** For people: the adapter's name. */
  readonly name: string;
  /** A CPU does the work. */
  readonly software: boolean;
  /** Whether kernels may use subgroups: they are there, and whole ones fill a workgroup of 64. */
  readonly subgroups: boolean;
  /** Whether kernels may use float16. */
  readonly half: boolean;
  /** The products of small matrices that mixed precision may use. */
  readonly matrix: SubgroupMatrix | undefined;
  /** What tells adapters and, where it is told, their drivers apart. */
  readonly identity: Readonly<Record<'vendor' | 'architecture' | 'device' | 'description', string>>;
  readonly #device: GPUDevice;
  readonly #buffers = new Set<GPUBuffer>();
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  /** What must be reachable for as long as the device is used, and not longer: see `dawn.ts`. */
  readonly #held: { gpu?: GPU };
  #lost: FreebindError | undefined;

  private constructor(gpu: GPU, { info }: GPUAdapter, device: GPUDevice) {
    this.#held = { gpu };
    this.#device = device;
    const { vendor, architecture, description, device: model } = info;
    this.name = nameOf(info);
    this.software = info.isFallbackAdapter;
    this.subgroups = device.features.has(SUBGROUPS);
    this.half = device.features.has(HALF);
    this.matrix = device.features.has(MATRICES) ? matrixOf(info) : undefined;
    this.identity = { vendor, architecture, device: model, description };
    void this.#watch();
  }

  /** `mixed`: for kernels with float16 factors too. @throws FREEBIND_DEVICE_UNAVAILABLE */
  static async open(host: Host, power: GPUPowerPreference, mixed = false): Promise<Device> {
    let gpu: GPU;
    let adapter: GPUAdapter | null;
    try {
      gpu = await host.findGpu(mixed);
      adapter = await gpu.requestAdapter({ powerPreference: power });
    } catch (cause) {
      throw unavailable(cause);
    }
    if (adapter === null) throw unavailable();
    const { limits, features, info } = adapter;
    if (mixed && !features.has(HALF)) throw withoutHalf(nameOf(info));
    const requiredLimits = Object.fromEntries(RAISED.map((name) => [name, limits[name]]));
    // Sizes are powers of two; an implementation that does not tell them may have any.
    const subgroups = features.has(SUBGROUPS) && (info.subgroupMaxSize ?? Infinity) <= 64;
    const matrices = mixed && subgroups && features.has(MATRICES) && matrixOf(info) !== undefined;
    const requiredFeatures = [
      ...(subgroups ? [SUBGROUPS] : []),
      ...(mixed ? [HALF] : []),
      ...(matrices ? [MATRICES] : []),
    ];
    try {
      return new Device(gpu, adapter, await adapter.requestDevice({ requiredLimits, requiredFeatures }));
    } catch (cause) {
      throw unavailable(cause);
    }
  }

  /** Bytes that one binding can cover, and so the largest array. */
  get largestBinding(): number {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#device.limits;
    return Math.min(maxBufferSize, maxStorageBufferBindingSize);
  }

  get queue(): GPUQueue {
    return this.#device.queue;
  }

  get allocated(): Allocated {
    return { buffers: this.#buffers.size, bytes: [...this.#buffers].reduce((sum, { size }) => sum + size, 0) };
  }

  /** @throws FREEBIND_BACKEND_FAILED when the device was lost */
  check(): void {
    if (this.#lost) throw this.#lost;
  }

  /** A buffer of zeros. Call it within `guard`. */
  createBuffer(label: string, size: number, usage: number, mapped = false): GPUBuffer {
    const buffer = this.#device.createBuffer({ label, size, usage, mappedAtCreation: mapped });
    this.#buffers.add(buffer);
    return buffer;
  }

  destroyBuffer(buffer: GPUBuffer): void {
    this.#buffers.delete(buffer);
    buffer.destroy();
  }

  createBindGroup(pipeline: GPUComputePipeline, resources: readonly GPUBufferBinding[]): GPUBindGroup {
    const entries = resources.map((resource, binding) => ({ binding, resource }));
    return this.#device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  }

  createEncoder(): GPUCommandEncoder {
    return this.#device.createCommandEncoder();
  }

  /** Compiled once for the device. @throws FREEBIND_BACKEND_FAILED */
  pipeline(kernel: Kernel): Promise<GPUComputePipeline> {
    const known = this.#pipelines.get(kernel.source);
    if (known) return known;
    const compiling = this.#compile(kernel);
    compiling.catch(() => undefined); // whoever waits for it is told
    this.#pipelines.set(kernel.source, compiling);
    return compiling;
  }

  async #compile({ label, source }: Kernel): Promise<GPUComputePipeline> {
    const { compiling } = await this.guard(`Compiling the kernel "${label}" on ${this.name}`, () => {
      const compute = { module: this.#device.createShaderModule({ label, code: source }), entryPoint: 'main' };
      const compiling = this.#device.createComputePipelineAsync({ label, layout: 'auto', compute });
      compiling.catch(() => undefined); // awaited below, unless the scope around this has said what is wrong already
      return { compiling };
    });
    try {
      return await compiling;
    } catch (cause) {
      this.check();
      throw deviceFailed(`Compiling the kernel "${label}" on ${this.name} failed`, cause);
    }
  }

  /**
   * Runs `work` within error scopes. Scopes are a stack of the device, so `work` is synchronous: nothing else is caught by them.
   * @throws FREEBIND_BACKEND_FAILED for what the device refuses, when it runs out of memory and when it is lost
   */
  async guard<T>(what: string, work: () => T): Promise<T> {
    this.check();
    const filters = ['validation', 'out-of-memory', 'internal'] as const;
    for (const filter of filters) this.#device.pushErrorScope(filter);
    const popAll = (): readonly Promise<GPUError | null>[] => filters.map(() => this.#device.popErrorScope());
    let result: T;
    try {
      result = work();
    } catch (cause) {
      await Promise.allSettled(popAll());
      this.check();
      throw cause instanceof FreebindError ? cause : deviceFailed(`${what} failed`, cause);
    }
    const [internal, memory, validation] = await Promise.all(popAll()).catch((cause: unknown) => {
      this.check();
      throw deviceFailed(`${what} failed`, cause);
    });
    if (memory) throw new OutOfMemory(what, this.allocated, memory);
    if (internal ?? validation) throw deviceFailed(`${what} failed`, internal ?? validation);
    return result;
  }

  /** The bytes of a buffer that was created for reading, once what was submitted before is done. */
  async readMapped(buffer: GPUBuffer): Promise<ArrayBuffer> {
    try {
      await buffer.mapAsync(FOR_READING);
    } catch (cause) {
      this.check();
      throw deviceFailed('Reading a result failed', cause);
    }
    const bytes = buffer.getMappedRange().slice(0);
    buffer.unmap();
    return bytes;
  }

  async #watch(): Promise<void> {
    const { message, reason } = await this.#device.lost;
    this.#lost ??= deviceFailed(`The device ${this.name} was lost (${message || reason})`);
  }

  /** Frees everything. What is in flight rejects. */
  close(): void {
    this.#lost ??= new FreebindError('FREEBIND_CLOSED', 'The webgpu backend is closed; open another one.');
    for (const buffer of this.#buffers) buffer.destroy();
    this.#buffers.clear();
    this.#pipelines.clear();
    this.#device.destroy();
    delete this.#held.gpu;
  }
}

function nameOf({ vendor, architecture, description, device }: GPUAdapterInfo): string {
  return description || [vendor, architecture, device].filter(Boolean).join(' ') || 'unnamed adapter';
}

/** What Dawn tells of the small products that an adapter has. */
interface MatrixInfo {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** The largest product of float16 matrices with float32 sums whose program fits a device, on an adapter whose subgroups all have one size. */
function matrixOf(info: GPUAdapterInfo): SubgroupMatrix | undefined {
  const {
    subgroupMinSize: lanes,
    subgroupMaxSize,
    subgroupMatrixConfigs = [],
  } = info as GPUAdapterInfo & {
    readonly subgroupMatrixConfigs?: Iterable<MatrixInfo>;
  };
  if (lanes === undefined || lanes !== subgroupMaxSize) return undefined;
  return [...subgroupMatrixConfigs]
    .filter((one) => one.componentType === 'f16' && one.resultComponentType === 'f32')
    .map(({ M, N, K }): SubgroupMatrix => ({ m: M, n: N, k: K, lanes }))
    .filter(fitsParts)
    .reduce<SubgroupMatrix | undefined>((a, b) => (a && a.m * a.n * a.k >= b.m * b.n * b.k ? a : b), undefined);
}
