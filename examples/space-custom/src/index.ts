import { definePlugin, SPACE } from '@freebind/core';
import { TrigramsSpace } from './trigrams-space.ts';

export { TrigramsSpace } from './trigrams-space.ts';

/** The space `trigrams` as a plugin. Nothing is started before the space is asked for. */
const plugin = definePlugin({ apiVersion: 1, package: 'freebind-trigrams', spaces: ['trigrams'] }, ({ bind }) => {
  bind(SPACE)
    .toResolvedValue(() => new TrigramsSpace(), [])
    .inSingletonScope()
    .whenNamed('trigrams')
    .onDeactivation((space) => space.close());
});

export default plugin;
