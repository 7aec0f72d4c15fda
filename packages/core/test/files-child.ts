import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setInterval as ticks } from 'node:timers/promises';
import { isFreebindError } from '../src/errors.ts';
import { writeFileAtomic, writeFolderAtomic } from '../src/files/atomic.ts';
import { namesAside } from '../src/files/leftovers.ts';
import { lockFolder } from '../src/files/lock.ts';

/** A process of its own that writes, for tests that kill it or take its disk away. */
const [, , task, path = ''] = process.argv;
const say = (line: object): void => console.log(JSON.stringify(line));

switch (task) {
  case 'lock':
    await lockFolder(path);
    say({ pid: process.pid });
    for await (const _ of ticks(1000));
    break;
  case 'write-file':
    // Version v of the file is v, 2 MiB of it, so that every mixture of two versions shows.
    for (let version = 1; ; version++) {
      const part = new Uint8Array(2 ** 18).fill(version);
      await writeFileAtomic(path, [part, part, part, part, part, part, part, part]);
      if (version === 1) say({ pid: process.pid });
    }
  case 'write-folder':
    for (let version = 1; ; version++) {
      const write = async (aside: string): Promise<void> => {
        for (const name of ['a', 'b']) await writeFile(join(aside, name), String(version).repeat(10_000));
      };
      await writeFolderAtomic(path, write, { replace: ['a', 'b'] });
      if (version === 1) say({ pid: process.pid });
    }
  case 'names-aside':
    say(await namesAside(path));
    break;
  case 'fill': {
    // First a small version, then one that the disk has no room for.
    await writeFileAtomic(path, new Uint8Array(2 ** 15).fill(1));
    const error = await writeFileAtomic(path, new Uint8Array(2 ** 21)).catch((e: unknown) => e);
    const survived = (await readFile(path)).every((byte) => byte === 1);
    const files = await readdir(dirname(path));
    say({ code: isFreebindError(error) && error.code, message: String(error), survived, files });
    break;
  }
}
