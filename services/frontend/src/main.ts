import { FRONTEND_CONFIG, runMirrorProgram } from '@cloud-mirror/mirror';
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
    const frontend = createFrontend({ ...parts, ...parts.adapters, cacheManager, audit });
    return { address: await frontend.listen(), drain: () => frontend.drain() };
  },
});
