import { createHash } from 'node:crypto';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { errnoOf } from './ranged-file.ts';

/** Which process wrote something, told so that another can find out whether it still runs, also after its number was used again. */
export interface ProcessMark {
  readonly pid: number;
  /** When it started, in clock ticks since the machine did; `0` where the system does not tell (it does on Linux). */
  readonly started: string;
  readonly host: string;
  /** Boot and pid namespace: process numbers compare only where both are the same. */
  readonly place: string;
}

/** The mark of this process. */
export async function markOfThisProcess(): Promise<ProcessMark> {
  const host = hostname();
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '');
  const place = createHash('sha256').update([host, boot, namespace].join('\0')).digest('hex').slice(0, 12);
  const { pid } = process;
  return { pid, started: (await statOf(pid))?.started ?? '0', host, place };
}

/** Whether the process of `mark` still runs; undefined where this process cannot tell: another machine, boot or container. */
export async function isRunning(mark: ProcessMark, self: ProcessMark): Promise<boolean | undefined> {
  if (mark.place !== self.place) return undefined;
  const stat = await statOf(mark.pid);
  // A zombie is a process that was killed and whose parent has not asked yet; it writes nothing more.
  if (stat !== undefined) return stat.started === mark.started && stat.state !== 'Z' && stat.state !== 'X';
  try {
    process.kill(mark.pid, 0); // sends nothing; asks whether it is there
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}

/** State and start of a process from Linux's /proc/PID/stat (`man 5 proc`, fields 3 and 22), or undefined. */
async function statOf(pid: number): Promise<{ readonly state: string; readonly started: string } | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // Field 2, the command, is in parentheses and may itself hold spaces and parentheses.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, started] = [fields?.[0], fields?.[19]];
  return state === undefined || started === undefined ? undefined : { state, started };
}
