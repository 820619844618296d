import { FRONTEND_CONFIG, runMirrorProgram } from '@cloud-mirror/mirror';
import { createFrontend } from './frontend.ts';
import { openCacheManager } from './open-cache-manager.ts';

await runMirrorProgram({
  name: 'cloud-mirror-frontend',
  description: 'Redirects each client to the copy in its region, and has that copy made when there is none.',
  config: FRONTEND_CONFIG,
  async start(parts) {
    const cacheManager = parts.resources.use(openCacheManager(parts));
    const frontend = createFrontend({ ...parts, ...parts.adapters, cacheManager });
    return { address: await frontend.listen(), drain: () => frontend.drain() };
  },
});
