import type { Backend } from '@cloud-mirror/mirrored-objects';
import { tryPublicReading } from '../public-reading.ts';
import type { CheckGroup } from './check-group.ts';
import type { Finding } from './finding.ts';

/** Checks that clients can read the copies of public back ends. */
export const publicReadChecks: CheckGroup = {
  name: 'public_reading',
  async run({ adapters, signal }) {
    const found = await Promise.all(
      [...adapters.backends.values()].map((backend) => checkBackend(backend, signal)),
    );
    return found.flat();
  },
};

async function checkBackend(backend: Backend, signal: AbortSignal): Promise<readonly Finding[]> {
  const finding = { part: `${backend.name} store`, check: 'public_read' };
  const reading = await tryPublicReading(backend, signal);
  return reading === null ? [] : [{ ...finding, ...reading }];
}
