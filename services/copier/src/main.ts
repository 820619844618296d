import {
  openAdapters,
  prepareBackends,
  requireSharedParts,
  loadProgramConfig,
  PROGRAM_VARIABLES,
  type Config,
} from '@cloud-mirror/mirror';
import {
  openMetricsRegistry,
  runProgram,
  type ProgramContext,
  type RunningProgram,
} from '@cloud-mirror/program';
import { Copier } from './copier.ts';
import { startHealthServer } from '@cloud-mirror/http-service';

await runProgram({
  name: 'cloud-mirror-copier',
  description: 'Receives jobs and copies objects from their origins into the regions it serves.',
  variables: PROGRAM_VARIABLES,
  load: loadProgramConfig,
  start,
});

async function start({ config, logger, signal }: ProgramContext<Config>): Promise<RunningProgram> {
  requireSharedParts(config);
  await using opening = new AsyncDisposableStack();
  const registry = openMetricsRegistry('cloud_mirror_');
  const adapters = opening.use(await openAdapters(config, { logger }));
  const copier = new Copier({ config, adapters, logger, registry });
  let address: string | null = null;
  if (config.copier.health !== null) {
    const server = await startHealthServer(config.copier.health, {
      health: () => copier.health(),
      registry,
      logger,
    });
    address = opening.use(server).address;
  }
  const preparing = prepareBackends(adapters, config, { logger, signal });
  copier.start();
  const resources = opening.move();
  return {
    address,
    async drain() {
      await copier.drain();
      await preparing;
      await resources.disposeAsync();
    },
  };
}
