import { isMapping, valueAt } from '@cloud-mirror/config';
import type { CrossFault } from './cross-fault.ts';

/** Checks that the two servers of the standalone program share no TCP port. */
export function listenerFaults(config: unknown): CrossFault[] {
  const sample = valueAt(config, 'sampleOrigin');
  const server = valueAt(config, 'server');
  if (!isMapping(sample) || !isMapping(server)) return [];
  const { port } = sample;
  if (typeof port !== 'number' || port === 0 || port !== server['port']) return [];
  if (sample['host'] !== server['host'] && server['host'] !== '0.0.0.0' && server['host'] !== '::') return [];
  return [
    {
      path: ['sampleOrigin', 'port'],
      expected: `another port than server.port (${port}), since the standalone program listens on both`,
    },
  ];
}
