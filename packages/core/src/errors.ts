/** Every way freebind refuses. Codes are API: a caller may switch on them, so none is ever renamed. */
export type FreebindErrorCode =
  | 'FREEBIND_ABORTED' // an AbortSignal ended the work; what was finished is kept
  | 'FREEBIND_ARGUMENT_INVALID' // an option or argument outside its range
  | 'FREEBIND_BACKEND_FAILED' // the runtime under a backend threw; `cause` is its error
  | 'FREEBIND_BOND_INVALID' // a bond's manifest and weights do not fit together
  | 'FREEBIND_BOND_UNKNOWN' // a recipe asks for a bond that is not there, or matches several
  | 'FREEBIND_CAPABILITY_MISSING' // a plugin was asked for something its manifest does not declare
  | 'FREEBIND_CHECKPOINT_INVALID' // a checkpoint is damaged or belongs to another run
  | 'FREEBIND_CLOSED' // a runner, space or backend was used after `close`
  | 'FREEBIND_CONFIG_INVALID' // a config key is unknown, missing or out of range
  | 'FREEBIND_DEVICE_UNAVAILABLE' // a backend cannot start on this machine
  | 'FREEBIND_DOWNLOAD_FAILED' // a server did not give a file; what arrived of it is kept and continued
  | 'FREEBIND_FACTOR_INVALID' // a factor outside [0, 1], or for a modality the step does not mix
  | 'FREEBIND_FILE_INVALID' // a file's bytes are not what its format promises
  | 'FREEBIND_FILE_MISSING' // a file or folder that is needed is not there, or may not be read
  | 'FREEBIND_FILE_UNSAFE' // a file asks for code to be run; nothing was run
  | 'FREEBIND_LICENCE_NOT_ACCEPTED' // a model's licence forbids commercial use and nobody has accepted it
  | 'FREEBIND_NUMBER_INVALID' // NaN, Inf or a zero row where unit rows are needed
  | 'FREEBIND_OUTPUT_BUSY' // another process is writing the same folder
  | 'FREEBIND_OUTPUT_EXISTS' // the output is there already and is not ours to replace
  | 'FREEBIND_PLUGIN_INCOMPATIBLE' // a plugin of another apiVersion; none of its code was run
  | 'FREEBIND_PLUGIN_INVALID' // a package that is not a freebind plugin, or lies about what it brings
  | 'FREEBIND_PLUGIN_MISSING' // a plugin that is named but not installed
  | 'FREEBIND_RECIPE_INVALID' // recipe text or object that does not parse
  | 'FREEBIND_ROWS_MISALIGNED' // tables of one modality with different numbers of rows
  | 'FREEBIND_SHAPE_MISMATCH' // matrices or weights whose shapes do not fit
  | 'FREEBIND_SPACE_MISMATCH' // embeddings of one space where another's were expected
  | 'FREEBIND_SPACE_UNKNOWN' // a recipe names a space that nobody brings
  | 'FREEBIND_TRAINING_DIVERGED' // NaN or Inf in a training step; the last good checkpoint stays
  | 'FREEBIND_WRITE_FAILED'; // the disk refused a write; nothing half-written carries the final name

const brand: unique symbol = Symbol.for('@freebind/Error');

/** Every error freebind throws. `code` is API; `message` says what was found, what was expected and what to do. */
export class FreebindError extends Error {
  override readonly name = 'FreebindError';
  readonly [brand] = true;
  readonly code: FreebindErrorCode;

  constructor(code: FreebindErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** True for a `FreebindError` (of `code`, if given), also when two copies of core are installed. */
export function isFreebindError(error: unknown, code?: FreebindErrorCode): error is FreebindError {
  if (typeof error !== 'object' || error === null || !(brand in error)) return false;
  // The brand is on no other class, so the cast states what was just checked.
  return code === undefined || (error as FreebindError).code === code;
}
