import type { BackendChoice } from '../backend-choice.ts';
import type { FuseSection } from './fuse-section.ts';
import type { PluginChoice } from './plugins.ts';
import type { TrainSection } from './train-section.ts';

/** What `freebind.config.{ts,mjs,json}` says. Folders are relative to the file. */
export interface Config {
  /** Where the arithmetic runs, in one line: `'onnx'`, `'onnx:webgpu'`, `'@freebind/backend-onnx'`, `['…', { threads: 2 }]` or `'auto'`. */
  readonly backend?: BackendChoice;
  /** Plugins to load, and no others: packages or folders, alone or with options (of which `models` is a folder, relative to the file), or configured in code. */
  readonly plugins?: readonly PluginChoice[];
  /** Folder of `SPACE.MODALITY.npy` and `.safetensors`. */
  readonly tables?: string;
  /** Folder of bonds. */
  readonly bonds?: string;
  /** Folder of fused spaces. */
  readonly spaces?: string;
  /** Folder where plugins keep their files, such as checkpoints. Default `.freebind`. */
  readonly store?: string;
  /** Decides every random choice. A whole number in [0, 2³²). */
  readonly seed?: number;
  /** What `freebind train` makes: the bonds of a recipe. */
  readonly train?: TrainSection;
  /** What `freebind fuse` makes: spaces from unimodal encoders, by their names. */
  readonly fuse?: Readonly<Record<string, FuseSection>>;
}

/** A config as it was loaded: folders are absolute, and the backend is the one that was asked for last. */
export interface LoadedConfig extends Config {
  /** The file it came from. */
  readonly file: string;
  /** The file's folder, which everything relative in it is relative to. */
  readonly folder: string;
}

/** Gives a config back as it is: for the types in an editor. */
export function defineConfig(config: Config): Config {
  return config;
}
