// A process that tells its parent which adapter Dawn finds, if any, and stays until it was heard.
import { create } from 'webgpu';

process.once('disconnect', () => process.exit());
const adapter = await create([]).requestAdapter();
const { description, device, vendor, architecture } = adapter?.info ?? {};
process.send?.({ found: adapter !== null, description, device, vendor, architecture });
