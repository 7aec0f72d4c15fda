import { NPY_FORMATS, type NpyDtype, writtenNpyHeader } from './npy-header.ts';
import { NUMBER_BYTES } from './number-format.ts';
import { safetensorsHead } from './safetensors-writer.ts';
import type { TableFormat } from './table-name.ts';

/** Name of the one tensor in a safetensors file that is a table. */
const TENSOR = 'embeddings';

/** The bytes of a table file before its rows, whose own bytes (`encodeReals`) follow one below the other to the end of the file. */
export function tableHead(
  format: TableFormat,
  { rows, cols, dtype }: { readonly rows: number; readonly cols: number; readonly dtype: NpyDtype },
): Uint8Array {
  if (format === 'npy') return writtenNpyHeader(dtype, rows, cols);
  const number = NPY_FORMATS[dtype];
  return safetensorsHead([
    { name: TENSOR, shape: [rows, cols], dtype: number, bytes: rows * cols * NUMBER_BYTES[number] },
  ]);
}
