import { API_VERSION, BACKEND, definePlugin, type Plugin } from '@freebind/core';
import { ReferenceBackend, type ReferenceOptions } from './reference-backend.ts';

export { ReferenceBackend, type ReferenceOptions } from './reference-backend.ts';

/** The backend in plain TypeScript, as a plugin: `reference({ precision: 'float64' })`. */
const reference: Plugin<ReferenceOptions> = definePlugin<ReferenceOptions>(
  { apiVersion: API_VERSION, package: '@freebind/backend-reference', backends: ['reference'] },
  ({ bind }, options) => {
    bind(BACKEND)
      .toConstantValue(() => Promise.resolve(new ReferenceBackend(options)))
      .whenNamed('reference');
  },
);

export default reference;
