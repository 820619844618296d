import { backendName, type Backend, type Backends } from '@cloud-mirror/mirrored-objects';
import { unknownBackend } from '../redirect/redirect-answer.ts';

/** Means every region of a service in operators' calls. */
export const ALL_REGIONS = 'all';

/** @throws HttpProblem 404 that lists the known back ends */
export function knownBackend(backends: Backends, service: string, region: string): Backend {
  const backend = backends.get(backendName(service, region));
  if (backend === undefined) throw unknownBackend([...backends.keys()]);
  return backend;
}

/**
 * Returns every back end of the service.
 * @throws HttpProblem 404 that lists the known back ends
 */
export function knownService(backends: Backends, service: string): readonly Backend[] {
  const found = [...backends.values()].filter((backend) => backend.service === service);
  if (found.length === 0) throw unknownBackend([...backends.keys()]);
  return found;
}
