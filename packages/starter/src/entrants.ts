import {
  type Backend,
  chooseShare,
  type Duel,
  type Matrix,
  mixScores,
  type Searchable,
  type Tables,
} from '@freebind/core';
import { tidy } from '@freebind/report';
import { type Bonds, oneHead } from './bonds.ts';
import type { ResultRow } from './result.ts';
import type { Candidate } from './scoring.ts';
import type { Settings } from './settings.ts';
import type { Starter } from './starter.ts';
import { composeRows, type Tuned } from './tuned.ts';

/** What there is to evaluate. */
export interface Evaluation {
  readonly starter: Starter;
  readonly tables: Readonly<Record<'validation' | ResultRow['split'], Tables>>;
  readonly bonds: {
    readonly bound: Bonds;
    readonly alone?: Bonds;
    readonly sevenHeads?: Bonds;
    readonly disjoint?: Bonds;
    readonly direct?: Bonds;
  };
  readonly settings: Settings;
  readonly backend: Backend;
  readonly seed: number;
}

/** A candidate and its rows of one folder of tables. */
export type Entrant = Candidate & { readonly rows: (tables: Tables) => Promise<readonly Searchable[]> };

/** Every row of the table, the controls that were trained among them; what they choose they choose on validation rows. */
export async function listEntrants(
  { starter, tables, bonds, settings, backend }: Evaluation,
  bound: {
    readonly tune: (own: Pick<Bonds, 'recipe' | 'bonds'>) => Promise<Tuned>;
    /** U with both bonds. */
    readonly tuned: Tuned;
    /** U with the first. */
    readonly moved: Tuned;
  },
): Promise<readonly Entrant[]> {
  const { tune, tuned, moved } = bound;
  const composed =
    (own: Tuned): Entrant['rows'] =>
    async (of) => [await composeRows(own, of, backend)];
  const entrants: Entrant[] = [
    {
      id: 'u',
      name: 'U, before binding',
      kind: 'base',
      note: `The unified space alone: three adapters fused on ${starter.splits.unified.length} triples.`,
      rows: fixed('u'),
    },
    {
      id: 'u+d',
      name: 'U + d(VT)',
      kind: 'bound',
      note: 'U moved into the image-text expert.',
      rows: composed(moved),
    },
  ];
  if (bonds.alone !== undefined) {
    entrants.push({
      id: 'u+c',
      name: 'U + c(AT)',
      kind: 'bound',
      note: 'The audio-text expert brought into U.',
      rows: composed(await tune(bonds.alone)),
    });
  }
  entrants.push(
    {
      id: 'u+d+c',
      name: 'U + d(VT) + c(AT)',
      kind: 'bound',
      note: 'Both bonds, one after the other, with factors chosen on validation concepts.',
      rows: composed(tuned),
    },
    {
      id: 'vt',
      name: 'VT alone',
      kind: 'expert',
      note: 'The image-text expert by itself; it does not know audio.',
      rows: fixed('vt'),
    },
    {
      id: 'at',
      name: 'AT alone',
      kind: 'expert',
      note: 'The audio-text expert by itself; it does not know images.',
      rows: fixed('at'),
    },
    {
      id: 'score-mixing',
      name: 'scores mixed, no projector',
      kind: 'control',
      note: "U's cosine and the expert's, weighed per pair of modalities on validation concepts. Nobody but U can search between audio and image, so there nothing is gained.",
      rows: await scoreMixer(tables.validation, backend),
    },
  );
  if (bonds.sevenHeads !== undefined) {
    entrants.push(
      {
        id: 'seven-heads',
        name: 'seven heads',
        kind: 'control',
        note: 'A head for every set of sources, as FreeBind has them, in place of the head of text sources.',
        rows: composed(await tune(bonds.sevenHeads)),
      },
      {
        id: 'one-head',
        name: 'one head of all sources',
        kind: 'control',
        note: 'Of the seven heads only `mix`, which learns from all sources at once.',
        rows: composed(await tune(oneHead(bonds.sevenHeads, 'mix'))),
      },
    );
  }
  if (bonds.disjoint !== undefined) {
    entrants.push({
      id: 'disjoint-pools',
      name: 'pools without common concepts',
      kind: 'control',
      note: 'The same bonds, trained where texts, images and voices are of different thirds of the concepts.',
      rows: composed(await tune(bonds.disjoint)),
    });
  }
  if (bonds.direct !== undefined) {
    entrants.push({
      id: 'direct',
      name: 'AT to VT through text, no U',
      kind: 'control',
      note: 'The two experts bound directly by the text that they share; U is not used.',
      rows: composed(await tune(bonds.direct)),
    });
  }
  if (settings.steps.supervised > 0) {
    entrants.push({
      id: 'supervised',
      name: 'all triples, supervised',
      kind: 'control',
      note: "One space fused on triples of all the experts' concepts, which binding does not have.",
      rows: fixed('all'),
    });
  }
  return entrants;
}

/** A space's own rows. */
export async function readRows(tables: Tables, space: string): Promise<Searchable> {
  const rows: Record<string, Matrix> = {};
  for (const modality of tables.modalities(space)) {
    const table = tables.table(space, modality);
    rows[modality] = await table.read(0, table.rows);
  }
  return rows;
}

/** Score mixing between U and whoever else knows a pair, its shares chosen on validation rows. */
async function scoreMixer(validation: Tables, backend: Backend): Promise<Entrant['rows']> {
  const shares: number[] = [];
  for (const duel of await duels(validation)) shares.push(tidy(await chooseShare(duel, backend)));
  return async (of) => {
    const { audio, image } = await readRows(of, 'u');
    const own: Searchable = { ...(audio && { audio }), ...(image && { image }) };
    return [own, ...(await duels(of)).map((duel, i) => mixScores(duel, shares[i] ?? 0))];
  };
}

/** The pairs that U and an expert both know. */
async function duels(of: Tables): Promise<readonly Duel[]> {
  const [u, vt, at] = [await readRows(of, 'u'), await readRows(of, 'vt'), await readRows(of, 'at')];
  return [
    { pair: ['audio', 'text'], base: u, expert: at },
    { pair: ['image', 'text'], base: u, expert: vt },
  ];
}

/** The rows of a space as it is. */
function fixed(space: string): Entrant['rows'] {
  return async (of) => [await readRows(of, space)];
}
