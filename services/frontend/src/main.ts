import { FRONTEND_CONFIG, openObjectKey, runMirrorProgram } from '@cloud-mirror/mirror';
import type { FrontendConfig, MirrorParts } from '@cloud-mirror/mirror';
import { currentSigner, type ObjectSigner } from '@cloud-mirror/routed-objects';
import { createFrontend } from './frontend.ts';
import { openAudit } from './open-audit.ts';
import { openCacheManager } from './open-cache-manager.ts';

await runMirrorProgram({
  name: 'cloud-mirror-frontend',
  description: 'Redirects each client to the copy in its region, and has that copy made when there is none.',
  config: FRONTEND_CONFIG,
  async start(parts) {
    const audit = parts.resources.use(await openAudit(parts));
    const cacheManager = parts.resources.use(openCacheManager(parts));
    const objectSigner = await openObjectSigner(parts);
    const frontend = createFrontend({ ...parts, ...parts.adapters, cacheManager, audit, objectSigner });
    const address = await frontend.listen();
    const announcements = [frontend.announcement(address, parts.servicePort ?? parts.config.server.port)];
    return { address, announcements, drain: () => frontend.drain() };
  },
});

/** Only a front end with a folder serves addresses that routers sign. */
async function openObjectSigner({
  config,
  logger,
  resources,
}: MirrorParts<FrontendConfig>): Promise<() => Promise<ObjectSigner | null>> {
  const { services, state, router, entries } = config;
  if (!Object.values(services).some(({ kind }) => kind === 'filesystem')) return async () => null;
  const sealKeys = router.sealKey;
  const signer = currentSigner(await openObjectKey({ state, sealKeys, entries, logger, resources }));
  return async () => signer();
}
