import { FreebindError, isFreebindError } from '@freebind/core';
import { ThreadPool } from '@freebind/threads';
import type { Feed, GraphPorts, GraphRows } from './contract.ts';
import type { EncoderPlacement, PlacedGraph } from './encoder-placement.ts';

/** What `encoder-worker.js` exports. */
interface EncoderWorker {
  load(graph: PlacedGraph): Promise<GraphPorts>;
  run(graph: PlacedGraph, feeds: Readonly<Record<string, Feed>>, output: string): Promise<GraphRows>;
}

/** A thread with one onnxruntime session in it. Ending the thread is what gives a model's memory back. */
type EncoderThread = ThreadPool<EncoderWorker>;

/** A graph in memory. */
export interface OpenGraph {
  readonly thread: EncoderThread;
  /** What runs are told to run: a thread that takes the place of one that died loads it again. */
  readonly graph: PlacedGraph;
  readonly ports: GraphPorts;
}

/**
 * Loads a graph file of `size` bytes in a thread of its own.
 *
 * @throws FREEBIND_FILE_MISSING for weights in a file that is not there, FREEBIND_FILE_INVALID, FREEBIND_DEVICE_UNAVAILABLE for a
 * graph that loads on the CPU alone, FREEBIND_BACKEND_FAILED when memory is short
 */
export async function openGraph(path: string, size: number, placement: EncoderPlacement): Promise<OpenGraph> {
  const { device = 'cpu', threads } = placement;
  try {
    return await load({ path, device, ...(threads !== undefined && { threads }) });
  } catch (error) {
    if (device === 'cpu' || NO_MEMORY.test(messageOf(error))) throw loadError(path, size, error);
    const { thread } = await load({ path }).catch((fault: unknown) => {
      throw loadError(path, size, fault);
    });
    await thread.close();
    throw unavailable(device, error);
  }
}

async function load(graph: PlacedGraph): Promise<OpenGraph> {
  // onnxruntime would report to its makers, and on its way there a long command line overflows a thread's stack. It reads the
  // environment of the process, of which a thread has but a copy.
  process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
  // Plain JavaScript, which is the same in the sources and in the build.
  const module = new URL('./encoder-worker.js', import.meta.url);
  const thread: EncoderThread = new ThreadPool({ module, size: 1, owner: 'the encoder' });
  try {
    return { thread, graph, ports: await thread.call('load', [graph]) };
  } catch (error) {
    await thread.close();
    throw error;
  }
}

/** How onnxruntime says that there is not enough memory. */
export const NO_MEMORY = /bad[_ ]alloc|out of memory|Failed to allocate|Cannot allocate/i;

/** onnxruntime tells apart only in words why a graph does not load. */
function loadError(path: string, size: number, cause: unknown): FreebindError {
  if (isFreebindError(cause)) return cause;
  const message = messageOf(cause);
  const external =
    /external data|External initializer|model_path|cannot get file size|\.onnx[._-]data|\.data\b/i.test(message) ||
    /No such file|file_size/i.test(message);
  if (external) {
    return new FreebindError(
      'FREEBIND_FILE_MISSING',
      `${path} keeps its weights in another file that is not beside it, or is cut short (${message}). Put all files of the model into one folder.`,
      { cause },
    );
  }
  if (NO_MEMORY.test(message)) {
    return new FreebindError(
      'FREEBIND_BACKEND_FAILED',
      `There is not enough memory to load ${path} (${size} bytes). Close other spaces (\`drop\`), or take a smaller model.`,
      { cause },
    );
  }
  return new FreebindError(
    'FREEBIND_FILE_INVALID',
    `${path} (${size} bytes) could not be loaded by onnxruntime (${message}): it is damaged, cut short, or no ONNX graph. Get it again from its source.`,
    { cause },
  );
}

function unavailable(device: 'cuda' | 'webgpu', cause: unknown): FreebindError {
  const mending = {
    cuda: 'install CUDA 12 and cuDNN 9, then run `npm i onnxruntime-node@1.30.0 --onnxruntime-node-install=cuda12`',
    webgpu: 'install a Vulkan driver (on Linux also libvulkan1)',
  };
  return new FreebindError(
    'FREEBIND_DEVICE_UNAVAILABLE',
    `onnxruntime cannot run the graph on device "${device}" on this machine (${messageOf(cause)}); to mend it, ${mending[device]}, or choose the device "cpu".`,
    { cause },
  );
}

/** The first line of what went wrong. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}
