import type { FleetEvent } from './fleet-event.ts';
import type { Instance } from './instance.ts';

/** All instances at one revision. */
export interface RegistrySnapshot {
  /** An integer that only grows: one sequence for each registry, over restarts and flushes too. */
  readonly revision: number;
  /** How long ago the registry was read successfully. */
  readonly ageMs: number;
  /** In the order of their start. */
  readonly instances: readonly Instance[];
}

export type RegistryChange =
  | { readonly kind: 'up' | 'changed' | 'down'; readonly revision: number; readonly instance: Instance }
  /** Somebody scaled or restarted an app. No instance has changed yet. */
  | { readonly kind: 'event'; readonly revision: number; readonly event: FleetEvent }
  /** The watcher fell behind, or asked for an unknown revision: everything it knew is replaced. */
  | { readonly kind: 'reset'; readonly revision: number; readonly instances: readonly Instance[] };

/** Who runs where. All methods may be called concurrently. */
export interface Registry extends AsyncDisposable {
  /**
   * Announces an instance, or renews and changes its announcement. The caller repeats it within the lease, usually each
   * second.
   * @throws RegistryError if the registry cannot be reached
   */
  announce(instance: Instance, leaseMs: number): Promise<void>;

  /** Removes an instance at once. Does nothing if there is none. @throws RegistryError */
  leave(id: string): Promise<void>;

  /**
   * Records an event in the sequence of the changes, so that all watchers see both in the same order.
   * @returns its revision
   * @throws RegistryError
   */
  record(event: FleetEvent): Promise<number>;

  /**
   * The instances that this process knows of. Makes no call. An instance is removed only when it left, or when its own
   * lease has ended, counted from the last renewal that this process saw; while the registry cannot be read, no lease ends.
   */
  list(): RegistrySnapshot;

  /** Why the registry cannot be read or written now; null if it can. Makes no call. */
  readonly failure: Error | null;

  /**
   * Tries everything that announcing and reading need, without changing what is announced.
   * @throws RegistryError
   */
  check(): Promise<void>;

  /**
   * The changes after a revision, in order and without a gap, as this process learns of them. A renewal and a change of the
   * load are no changes.
   * @param after null to begin with a reset
   */
  watch(after: number | null, signal: AbortSignal): AsyncIterable<RegistryChange>;
}

export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly code = 'registry_unavailable';
  readonly retryable = true;
}
