// Exits with 0 where Dawn finds an adapter, else with 1.
import { create } from 'webgpu';

const adapter = await create([]).requestAdapter();
process.exit(adapter === null ? 1 : 0);
