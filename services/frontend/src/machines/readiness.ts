import type { PartState, PartStates } from './part-states.ts';

export interface Readiness {
  /** `degraded`: something is lost, and clients are redirected all the same. */
  readonly status: 'ready' | 'degraded' | 'unready';
  /** Names of the parts that fail. */
  readonly failing: readonly string[];
  readonly parts: Readonly<Record<string, PartState>>;
}

/**
 * Whether a load balancer should send clients here. Without entries or a queue redirects still work, and so they do
 * while one store of several is lost. Where no store answers, this front end has nothing that the origin has not.
 */
export function readinessOf({ entries, backends }: PartStates): Readiness {
  const parts: Record<string, PartState> = { entries };
  for (const { backend, store, queue } of backends) {
    parts[`store ${backend.name}`] = store;
    parts[`queue ${backend.name}`] = queue;
  }
  const failing = Object.keys(parts).filter((name) => parts[name]?.status === 'failing');
  const noStore = backends.every(({ store }) => store.status === 'failing');
  return { status: noStore ? 'unready' : failing.length > 0 ? 'degraded' : 'ready', failing, parts };
}
