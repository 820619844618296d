import { startHealthServer } from '@cloud-mirror/http-service';
import { COPIER_CONFIG, runMirrorProgram } from '@cloud-mirror/mirror';
import { Copier } from './copier.ts';

await runMirrorProgram({
  name: 'cloud-mirror-copier',
  description: 'Receives jobs and copies objects from their origins into the regions it serves.',
  config: COPIER_CONFIG,
  async start(parts) {
    const copier = new Copier(parts);
    let address: string | null = null;
    const { health } = parts.config.copier;
    if (health !== null) {
      const server = await startHealthServer(health, { ...parts, health: () => copier.readiness() });
      address = parts.resources.use(server).address;
    }
    copier.start();
    return { address, announcements: [copier.announcement(address)], drain: () => copier.drain() };
  },
});
