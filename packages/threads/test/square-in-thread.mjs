// A program that has a thread square a number; it is run with flags of Node.
import { ThreadPool } from '../dist/index.js';

const pool = new ThreadPool({ module: new URL('work.mjs', import.meta.url), size: 1 });
console.log(await pool.call('square', [3]));
await pool.close();
