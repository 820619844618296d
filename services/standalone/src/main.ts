import { Copier } from '@cloud-mirror/copier';
import {
  openAdapters,
  prepareBackends,
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
import { createFrontend, openCacheManager } from '@cloud-mirror/frontend';
import { startSampleOrigin, type SampleOrigin } from './sample-origin.ts';

await runProgram({
  name: 'cloud-mirror',
  description: 'Front end and copier in one process: the whole mirror, without any server beside it.',
  variables: PROGRAM_VARIABLES,
  load: loadProgramConfig,
  start,
});

async function start({ config, logger, signal }: ProgramContext<Config>): Promise<RunningProgram> {
  await using opening = new AsyncDisposableStack();
  const registry = openMetricsRegistry('cloud_mirror_');
  const adapters = opening.use(await openAdapters(config, { logger }));
  const sample = opening.use(await startSample(config.sampleOrigin));
  const cacheManager = opening.use(openCacheManager({ config, adapters, logger, registry }));
  const frontend = createFrontend({ ...adapters, config, cacheManager, logger, registry });
  const address = await frontend.listen();
  const copier = new Copier({ config, adapters, logger, registry });
  copier.start();
  const preparing = prepareBackends(adapters, config, { logger, signal });
  if (sample !== null) logger.info(tryIt(config, sample.address), 'sample origin: try these');
  const resources = opening.move();
  return {
    address,
    async drain() {
      // Requests that wait for a copy are answered while copies are still finished.
      await Promise.all([frontend.drain(), copier.drain()]);
      await preparing;
      await resources.disposeAsync();
    },
  };

  /** The mirror works as well without its sample origin, whose port somebody else may have. */
  async function startSample(listen: typeof config.sampleOrigin): Promise<SampleOrigin | null> {
    if (listen === null) return null;
    try {
      return await startSampleOrigin({
        ...listen,
        onRequest: (request) => logger.info(request, 'the sample origin was asked'),
      });
    } catch (error) {
      logger.warn({ err: error }, 'no sample origin: choose another sampleOrigin.port, or null');
      return null;
    }
  }
}

/** Addresses for a first try: the sample artifact at its origin, and through the mirror. */
function tryIt(config: Config, origin: string): Record<string, string> {
  const artifact = `${origin}/artifacts/hello.txt`;
  const backend = config.copier.serves[0] ?? '';
  return {
    origin: artifact,
    mirrored: `${config.server.publicUrl}/v1/redirect/${backend}/${Buffer.from(artifact).toString('base64url')}`,
  };
}
