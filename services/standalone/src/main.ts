import { Copier } from '@cloud-mirror/copier';
import { createFrontend, openAudit, openCacheManager } from '@cloud-mirror/frontend';
import { runMirrorProgram, STANDALONE_CONFIG, type Config, type MirrorParts } from '@cloud-mirror/mirror';
import { startEmbeddedRouter, type EmbeddedRouter } from './embedded-router.ts';
import { startSampleOrigin, type SampleOrigin } from './sample-origin.ts';

await runMirrorProgram({
  name: 'cloud-mirror',
  description: 'Front end, copier and router in one process: the whole mirror without any other server.',
  config: STANDALONE_CONFIG,
  async start(parts) {
    const { config, logger, resources } = parts;
    const audit = resources.use(await openAudit(parts));
    const sample = resources.use(await startSample(parts));
    const cacheManager = resources.use(openCacheManager(parts));
    let router: EmbeddedRouter | null = null;
    const objectSigner = async () => router?.signer() ?? null;
    const frontend = createFrontend({ ...parts, ...parts.adapters, cacheManager, audit, objectSigner });
    const address = await frontend.listen();
    router = await startEmbeddedRouter(parts, audit);
    const copier = new Copier(parts);
    copier.start();
    const servicePort = parts.servicePort ?? config.server.port;
    if (sample !== null)
      logger.info(sampleUrls(config, sample.address), 'the sample origin is listening; try these URLs');
    return {
      address,
      announcements: [frontend.announcement(address, servicePort), copier.announcement(null)],
      addresses: router === null ? {} : { router: router.address },
      async drain() {
        // In parallel, so that requests that wait for a copy get it while the copier finishes its jobs.
        await Promise.all([frontend.drain(), copier.drain(), router?.drain()]);
      },
    };
  },
});

/** `null` if it is disabled or cannot listen (another program may use its port): the mirror works without it. */
async function startSample({ config, logger }: MirrorParts<Config>): Promise<SampleOrigin | null> {
  const listen = config.sampleOrigin;
  if (listen === null) return null;
  try {
    return await startSampleOrigin({
      ...listen,
      onRequest: (request) => logger.info(request, 'request to the sample origin'),
    });
  } catch (error) {
    logger.warn(
      { err: error },
      'the sample origin could not start: set another sampleOrigin.port, or sampleOrigin to null',
    );
    return null;
  }
}

/** URLs for a first try: the sample artifact at its origin, and through the mirror. */
function sampleUrls(config: Config, origin: string): Record<string, string> {
  const artifact = `${origin}/artifacts/hello.txt`;
  const backend = config.copier.serves[0] ?? '';
  return {
    origin: artifact,
    mirrored: `${config.server.publicUrl}/v1/redirect/${backend}/${Buffer.from(artifact).toString('base64url')}`,
  };
}
