import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FreebindError } from '@freebind/core';
import { type Example, type GraphContract, type GraphFinding, proveGraph } from '@freebind/encoder-onnx';
import { type Model, nameOf } from '@freebind/models';
import { describedIn } from './installed-models.ts';

/** What was found of one graph file. */
export interface CheckedGraph {
  readonly path: string;
  /** Which graph of the model it was held against. */
  readonly graph: string;
  readonly ok: boolean;
  readonly findings: readonly GraphFinding[];
}

export interface CheckOptions {
  readonly as?: string | undefined;
  readonly dimension?: number | undefined;
  readonly threads?: number | undefined;
}

/**
 * Checks one graph file, or all graphs of a model in a folder, against what the folder's own `models.json` says of them, where it has
 * one for this model.
 *
 * @throws FREEBIND_FILE_MISSING when there is none; FREEBIND_ARGUMENT_INVALID when it does not show which graph a file is
 */
export async function checkPath(
  path: string,
  official: Model,
  options: CheckOptions,
  onNote: (text: string) => void,
): Promise<readonly CheckedGraph[]> {
  const stats = await stat(path).catch(() => undefined);
  if (stats === undefined)
    throw new FreebindError('FREEBIND_FILE_MISSING', `There is no ${path}. Check the path for a slip.`);
  const model = describedIn(stats.isFile() ? dirname(path) : path, official);
  if (stats.isFile()) return [await checkFile(path, options.as ?? graphOf(path, model), model, options)];
  const wanted = Object.keys(model.about.graphs).filter((graph) => options.as === undefined || graph === options.as);
  const checked: CheckedGraph[] = [];
  for (const graph of wanted) {
    onNote(`${graph} …`);
    checked.push(await checkFile(join(path, graph), graph, model, options));
  }
  return checked;
}

async function checkFile(
  path: string,
  graph: string,
  model: Model,
  { dimension, threads }: CheckOptions,
): Promise<CheckedGraph> {
  const contract = model.about.graphs[graph];
  if (contract === undefined)
    throw new FreebindError(
      'FREEBIND_ARGUMENT_INVALID',
      `${nameOf(model)} has no graph ${graph}; it has ${Object.keys(model.about.graphs).join(', ')}.`,
    );
  const wanted: GraphContract = dimension === undefined ? contract : { ...contract, dimension };
  const findings = await proveGraph(path, wanted, {
    examples: examplesOf(contract.inputs),
    ...(threads !== undefined && { threads }),
  });
  return { path, graph, ok: findings.every(({ ok }) => ok), findings };
}

function examplesOf(
  inputs: Readonly<Record<string, { readonly example?: Example | undefined }>>,
): Readonly<Record<string, Example | undefined>> {
  return Object.fromEntries(Object.entries(inputs).map(([name, { example }]) => [name, example]));
}

/** Which graph of a model a file is: by its name. */
function graphOf(path: string, model: Model): string {
  const graphs = Object.keys(model.about.graphs);
  const named = graphs.find((graph) => basename(graph) === basename(path));
  if (named !== undefined) return named;
  throw new FreebindError(
    'FREEBIND_ARGUMENT_INVALID',
    `${basename(path)} is not the name of a graph of ${nameOf(model)}: say which one it is, --as ${graphs.join(' or --as ')}.`,
  );
}
