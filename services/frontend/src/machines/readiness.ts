import { describeSkew } from '@cloud-mirror/storage-provider';
import type { PartState, PartStates } from './part-states.ts';

export interface Readiness {
  /** `degraded`: a part fails, but redirects still work. */
  readonly status: 'ready' | 'degraded' | 'unready';
  /** The names of the failing parts. */
  readonly failing: readonly string[];
  readonly parts: Readonly<Record<string, PartState>>;
}

/**
 * Decides whether a load balancer should send clients to this front end. Redirects work without the entry store or a
 * queue, and without one store of several. If no store answers, every redirect would lead to the origin.
 */
export function readinessOf({ entries, backends }: PartStates): Readiness {
  const parts: Record<string, PartState> = { entries };
  for (const { backend, store, queue } of backends) {
    parts[`store ${backend.name}`] = store;
    parts[`queue ${backend.name}`] = queue;
    const detail = describeSkew(backend.store.clock);
    if (detail !== null) parts[`clock ${backend.name}`] = { status: 'failing', cause: 'clock_skew', detail };
  }
  const failing = Object.keys(parts).filter((name) => parts[name]?.status === 'failing');
  const noStore = backends.every(({ store }) => store.status === 'failing');
  return { status: noStore ? 'unready' : failing.length > 0 ? 'degraded' : 'ready', failing, parts };
}
