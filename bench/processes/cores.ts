import { availableParallelism } from 'node:os';
import { onPath } from '@cloud-mirror/testing/server-programs';

/** Assigns processors, so that the measured program has one to itself. Empty: not pinned. */
export interface Cores {
  /** For the measured program. */
  readonly measured: string;
  /** For a second process of the same kind. */
  readonly second: string;
  /** For everything else: load, Redis, stores, origins. */
  readonly around: string;
  /** Whether `second` and `around` share a processor. */
  readonly secondIsShared: boolean;
}

const NOT_PINNED: Cores = { measured: '', second: '', around: '', secondIsShared: true };

export async function layOutCores(): Promise<Cores> {
  const count = availableParallelism();
  if (count < 2 || (await onPath('taskset')) === null) return NOT_PINNED;
  if (count < 4) return { measured: '0', second: '1', around: `1-${count - 1}`, secondIsShared: true };
  return { measured: '0', second: '1', around: `2-${count - 1}`, secondIsShared: false };
}
