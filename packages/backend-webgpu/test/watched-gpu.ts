import { createGpu } from '../src/dawn.ts';
import type { Host } from '../src/host.ts';

/** A host whose devices a test can reach, and whose buffers it counts as the device sees them. */
export class WatchedGpu implements Host {
  readonly #devices: GPUDevice[] = [];
  /** Buffers that were created and not destroyed; those of closed backends too. */
  readonly buffers = new Set<GPUBuffer>();

  /** The device that was opened last. */
  get device(): GPUDevice {
    const device = this.#devices.at(-1);
    if (device === undefined) throw new Error('no device was opened');
    return device;
  }

  async findGpu(): Promise<GPU> {
    const gpu = createGpu(false);
    const requestAdapter: GPU['requestAdapter'] = async (options) => {
      const adapter = await gpu.requestAdapter(options);
      if (adapter === null) return null;
      const requestDevice: GPUAdapter['requestDevice'] = async (descriptor) => {
        const device = await adapter.requestDevice(descriptor);
        this.#watch(device);
        return device;
      };
      // What the backend asks of an adapter; a proxy would call native methods on itself.
      return { limits: adapter.limits, info: adapter.info, features: adapter.features, requestDevice } as GPUAdapter;
    };
    // The same of the entry; the native one is kept for as long as this is.
    return Object.assign({ requestAdapter }, { gpu }) as unknown as GPU;
  }

  #watch(device: GPUDevice): void {
    this.#devices.push(device);
    const create = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      const buffer = create(descriptor);
      this.buffers.add(buffer);
      const destroy = buffer.destroy.bind(buffer);
      buffer.destroy = () => {
        this.buffers.delete(buffer);
        return destroy();
      };
      return buffer;
    };
  }
}
