import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { OWN_BACKENDS } from '@freebind/core/config';
import { writeFileAtomic } from '@freebind/core/files';
import useSoftwareDevice from '../packages/backend-webgpu/test/software-device.ts';
import { bench } from './bench.ts';
import { findingLines, findingsByScript } from './findings.ts';
import { growth } from './growth.ts';
import { measure, type MeasuredBackend } from './contenders.ts';
import type { Row } from './harness.ts';
import { renderResults } from './page.ts';
import { earlier, type Found, pagePath, readResults, record, thisMachine } from './results.ts';
import { reading } from './reading.ts';
import { startUp } from './start-up.ts';
import { streamed } from './streamed.ts';
import { formatRows, formatTable } from './table.ts';
import { countsItems } from './task.ts';
import { planAccuracy } from './plan-accuracy.ts';
import { TASKS } from './tasks/index.ts';

const USAGE = `usage: npm run bench -- [TASK …] [options]
  TASK             ${TASKS.map(({ name }) => name).join(', ')}, or what stands before a slash (default: all)
  growth           collection, training and evaluation by rows × 1, 4, 16, 64, by itself, on onnx
  reading          training from tables on disk beside training from memory, by itself, on onnx
  streamed         InfoNCE of batches that are larger than their logits may be, by itself, on onnx or --backend;
                   --largest: of a million rows too, which takes hours at 512 columns; --width N: of N columns
  start-up         the program's start and core's import, by themselves
  plan             what \`freebind plan\` says of three configs beside what they take, by itself, on onnx; status 1 where
                   it is more than 25 % off, in time only if the machine did nothing else before
  --backend NAME   onnx, a package, or ["package", { options }]; may be given several times (default: all that run here)
  --json           one object a row
  --record         keep the figures in benches/results, with a page of plots
  --smallest       the smallest size of every task, to see that the harness works
  --rounds N       most timed rounds (default 9)
  --seconds N      for a group's rounds (default 120); a backend of which the warm-up and three rounds take
                   longer, by its measured rate, gets a smaller size
  --threads N      of a backend, or workers that prepare (default: all cores)
  --software       without a GPU, run backend-webgpu on a device in software`;

const note = (text: string): void => void process.stderr.write(`${text}\n`);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    backend: { type: 'string', multiple: true },
    json: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
    largest: { type: 'boolean', default: false },
    smallest: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '120' },
    width: { type: 'string', default: '512' },
    threads: { type: 'string', default: String(availableParallelism()) },
    software: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
interface ScriptOptions {
  readonly smallest: boolean;
  readonly largest: boolean;
  readonly width: number;
  readonly backend: readonly string[];
  readonly note: (text: string) => void;
}

/** What is no task of a backend and runs by itself. */
const SCRIPTS: Readonly<Record<string, (options: ScriptOptions) => Promise<Found>>> = {
  growth,
  plan: planAccuracy,
  reading,
  'start-up': startUp,
  streamed,
};
const script = positionals.length === 1 ? SCRIPTS[positionals[0] ?? ''] : undefined;
/** `preprocess` stands for all whose names begin with `preprocess/`. */
const isNamed = (task: string, name: string): boolean => task === name || task.startsWith(`${name}/`);
const unknown =
  script === undefined ? positionals.find((name) => !TASKS.some((task) => isNamed(task.name, name))) : undefined;
if (unknown !== undefined || values.help) {
  note(unknown === undefined ? USAGE : `There is no task "${unknown}".\n${USAGE}`);
  process.exitCode = values.help ? 0 : 2;
} else if (script === undefined) {
  await run();
} else {
  const found = await script({ ...values, width: Number(values.width), backend: values.backend ?? ['onnx'], note });
  for (const findings of findingsByScript(found).values())
    console.log(
      values.json ? findings.map((one) => JSON.stringify(one)).join('\n') : formatTable(findingLines(findings)),
    );
  await keep(found);
}

async function run(): Promise<void> {
  const machine = thisMachine();
  const recorded = await readResults(machine);
  const most = Number(values.rounds);
  const options = {
    rounds: { most, least: Math.min(3, most), seconds: Number(values.seconds) },
    threads: Number(values.threads),
    smallest: values.smallest,
    note,
  };
  if (values.software) await useSoftwareDevice(); // named in the environment that contenders start with
  const tasks = TASKS.filter(({ name }) => positionals.length === 0 || positionals.some((one) => isNamed(name, one)));
  const backends = tasks.every((task) => countsItems(task)) ? [] : await chosenBackends(options.threads);
  const rows: Row[] = [];
  for (const task of tasks) {
    note(`${task.name} …`);
    for await (const row of bench(task, backends, options)) {
      rows.push(row);
      if (values.json) console.log(JSON.stringify(row));
    }
  }
  if (!values.json)
    console.log(`${machine.processor}, ${machine.cores} cores\n${formatRows(rows, (row) => earlier(row, recorded))}`);
  await keep({ rows });
}

/** With `--record`, in the machine's results and their page. */
async function keep(found: Found): Promise<void> {
  if (!values.record) return;
  const machine = thisMachine();
  await writeFileAtomic(pagePath(machine), renderResults(await record(machine, found)));
  note(`kept; the page is ${pagePath(machine)}; npm run readme writes the documents' tables anew`);
}

/** The backends that were named, or freebind's own; those that do not run here are left out with a word. */
async function chosenBackends(threads: number): Promise<readonly MeasuredBackend[]> {
  const found: MeasuredBackend[] = [];
  for (const name of values.backend ?? OWN_BACKENDS) {
    try {
      found.push(await measure(name, threads));
    } catch (error) {
      note(`${name} is left out: ${error instanceof Error ? error.message : String(error)}`);
      if (values.backend !== undefined) process.exitCode = 1;
    }
  }
  return found;
}
