import { BACKEND, definePlugin, type Plugin } from '@freebind/core';
import type { MyBackendOptions } from './my-backend.ts';

const myBackend: Plugin<MyBackendOptions> = definePlugin<MyBackendOptions>(
  { apiVersion: 1, package: 'freebind-my-backend', backends: ['my-backend'] },
  ({ bind }, options) => {
    bind(BACKEND)
      .toConstantValue(async () => {
        const { MyBackend } = await import('./my-backend.ts'); // the runtime loads here, not when the plugin is imported
        return MyBackend.open(options);
      })
      .whenNamed('my-backend');
  },
);
export default myBackend;
