import { Copier } from '@cloud-mirror/copier';
import { createFrontend, openCacheManager } from '@cloud-mirror/frontend';
import { runMirrorProgram, STANDALONE_CONFIG, type Config, type MirrorParts } from '@cloud-mirror/mirror';
import { startSampleOrigin, type SampleOrigin } from './sample-origin.ts';

await runMirrorProgram({
  name: 'cloud-mirror',
  description: 'Front end and copier in one process: the whole mirror, without any server beside it.',
  config: STANDALONE_CONFIG,
  async start(parts) {
    const { config, logger, resources } = parts;
    const sample = resources.use(await startSample(parts));
    const cacheManager = resources.use(openCacheManager(parts));
    const frontend = createFrontend({ ...parts, ...parts.adapters, cacheManager });
    const address = await frontend.listen();
    const copier = new Copier(parts);
    copier.start();
    if (sample !== null) logger.info(tryIt(config, sample.address), 'sample origin: try these');
    return {
      address,
      async drain() {
        // Requests that wait for a copy are answered while copies are still finished.
        await Promise.all([frontend.drain(), copier.drain()]);
      },
    };
  },
});

/** The mirror works as well without its sample origin, whose port somebody else may have. */
async function startSample({ config, logger }: MirrorParts<Config>): Promise<SampleOrigin | null> {
  const listen = config.sampleOrigin;
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

/** Addresses for a first try: the sample artifact at its origin, and through the mirror. */
function tryIt(config: Config, origin: string): Record<string, string> {
  const artifact = `${origin}/artifacts/hello.txt`;
  const backend = config.copier.serves[0] ?? '';
  return {
    origin: artifact,
    mirrored: `${config.server.publicUrl}/v1/redirect/${backend}/${Buffer.from(artifact).toString('base64url')}`,
  };
}
