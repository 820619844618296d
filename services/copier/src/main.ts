import {
  dropMisnamedMetrics,
  openAdapters,
  prepareBackends,
  requireSharedParts,
  runProgram,
  type ProgramContext,
  type RunningProgram,
} from '@cloud-mirror/config';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { Copier } from './copier.ts';
import { startHealthServer } from './health-server.ts';

await runProgram({
  name: 'cloud-mirror-copier',
  description: 'Receives jobs and copies objects from their origins into the regions it serves.',
  start,
});

async function start({ config, logger, signal }: ProgramContext): Promise<RunningProgram> {
  requireSharedParts(config);
  await using opening = new AsyncDisposableStack();
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'cloud_mirror_' });
  dropMisnamedMetrics(registry, 'cloud_mirror_');
  const adapters = opening.use(await openAdapters(config, { logger }));
  const copier = new Copier({ config, adapters, logger, registry });
  let address: string | null = null;
  if (config.copier.health !== null) {
    const server = await startHealthServer(config.copier.health, () => copier.health(), registry);
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
