// Trains the toy bond, one JSON event a line. Arguments: the bond's folder, and how many events to live for (default: all).
import { trainBond } from '../src/training/bond.ts';
import { toyBond } from './toy-bond.ts';

const [, , out = '', lifetime = 'Infinity'] = process.argv;
let events = 0;
try {
  for await (const event of trainBond(toyBond(out))) {
    process.stdout.write(`${JSON.stringify(event)}\n`);
    if (++events >= Number(lifetime)) process.kill(process.pid, 'SIGKILL');
  }
} catch (error) {
  process.stdout.write(`${JSON.stringify({ type: 'error', code: Object(error).code, message: String(error) })}\n`);
}
