import {
  openAdapters,
  prepareBackends,
  requireSharedParts,
  loadProgramConfig,
  PROGRAM_VARIABLES,
} from '@cloud-mirror/mirror';
import { openMetricsRegistry, runProgram } from '@cloud-mirror/program';
import type { Config } from '@cloud-mirror/mirror';
import type { ProgramContext, RunningProgram } from '@cloud-mirror/program';
import { createFrontend } from './frontend.ts';
import { openCacheManager } from './open-cache-manager.ts';

await runProgram({
  name: 'cloud-mirror-frontend',
  description: 'Redirects each client to the copy in its region, and has that copy made when there is none.',
  variables: PROGRAM_VARIABLES,
  load: loadProgramConfig,
  start,
});

async function start({ config, logger, signal }: ProgramContext<Config>): Promise<RunningProgram> {
  requireSharedParts(config);
  await using opening = new AsyncDisposableStack();
  const registry = openMetricsRegistry('cloud_mirror_');
  const adapters = opening.use(await openAdapters(config, { logger }));
  const cacheManager = opening.use(openCacheManager({ config, adapters, logger, registry }));
  const { entries, policy } = adapters;
  const frontend = createFrontend({ config, cacheManager, entries, policy, logger, registry });
  const address = await frontend.listen();
  const preparing = prepareBackends(adapters, config, { logger, signal });
  const resources = opening.move();
  return {
    address,
    async drain() {
      await frontend.drain();
      await preparing;
      await resources.disposeAsync();
    },
  };
}
