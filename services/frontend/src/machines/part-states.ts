import { isDefect } from '@cloud-mirror/cache-manager';
import { EntryStoreError, type EntryStore } from '@cloud-mirror/entry-store';
import type { Backend, Backends } from '@cloud-mirror/mirrored-objects';
import type { QueueDepth } from '@cloud-mirror/job-queue';
import { isCapabilityTeller, unknownCapabilities } from '@cloud-mirror/storage-provider';
import type { StoreCapabilities } from '@cloud-mirror/storage-provider';
import { runWithin, type RunLimits } from '@cloud-mirror/waiting';
import { PublicReadProbe } from './public-read-probe.ts';

/** Whether a part answers. Public, so neither string contains an address or a secret. */
export type PartState =
  | { readonly status: 'ok' }
  | {
      readonly status: 'failing';
      /** A stable word. */
      readonly cause: string;
      /** Why a part that answers refuses, or what is wrong with it, and the remedy: `WRONGPASS: …`. */
      readonly detail?: string;
    };

export interface BackendState {
  readonly backend: Backend;
  readonly store: PartState;
  readonly queue: PartState;
  /** null if the queue does not answer. */
  readonly depth: QueueDepth | null;
  /** The known capabilities of the store; null for a kind whose capabilities are fixed. */
  readonly capabilities: StoreCapabilities | null;
}

export interface PartStates {
  readonly entries: PartState;
  readonly backends: readonly BackendState[];
}

const PROBE_LIMIT: RunLimits = {
  limitMs: 2_000,
  reason: () => new DOMException('no answer in time', 'TimeoutError'),
};
const FRESH_MS = 5_000;

/**
 * Checks whether every part answers, each within a time limit. Since the calls that need the result are public, one
 * check serves all of them for some seconds.
 */
export class PartProbe {
  readonly #entries: Pick<EntryStore, 'check'>;
  readonly #backends: Backends;
  readonly #freshMs: number;
  readonly #publicReads = new PublicReadProbe();
  #look: Promise<PartStates> | null = null;
  #lookedAtMs = 0;

  constructor(entries: Pick<EntryStore, 'check'>, backends: Backends, freshMs = FRESH_MS) {
    this.#entries = entries;
    this.#backends = backends;
    this.#freshMs = freshMs;
  }

  /** Never rejects: a part that cannot be checked is reported as failing. */
  states(): Promise<PartStates> {
    const now = performance.now();
    if (this.#look === null || now - this.#lookedAtMs > this.#freshMs) {
      this.#lookedAtMs = now;
      this.#look = this.#ask();
    }
    return this.#look;
  }

  async #ask(): Promise<PartStates> {
    const [entries, ...backends] = await Promise.all([
      partState(() => this.#entries.check()),
      ...[...this.#backends.values()].map((backend) => backendState(backend, this.#publicReads)),
    ]);
    return { entries, backends };
  }
}

async function backendState(backend: Backend, publicReads: PublicReadProbe): Promise<BackendState> {
  let depth: QueueDepth | null = null;
  const [store, queue, capabilities] = await Promise.all([
    partState(async (signal) => {
      await backend.store.check({ signal });
      if (await publicReads.isRefused(backend)) throw new PublicReadRefused();
    }),
    partState(async (signal) => {
      depth = await backend.queue.depth({ signal });
    }),
    capabilitiesOf(backend),
  ]);
  return { backend, store, queue, depth: queue.status === 'ok' ? depth : null, capabilities };
}

async function capabilitiesOf({ store }: Backend): Promise<StoreCapabilities | null> {
  if (!isCapabilityTeller(store)) return null;
  try {
    return await runWithin(PROBE_LIMIT, (signal) => store.capabilities({ signal }));
  } catch {
    return unknownCapabilities();
  }
}

/** Clients that are redirected to the store get an error from it. */
class PublicReadRefused extends Error {
  readonly code = 'public_read_refused';
}

async function partState(ask: (signal: AbortSignal) => Promise<void>): Promise<PartState> {
  try {
    await runWithin(PROBE_LIMIT, ask);
    return { status: 'ok' };
  } catch (error) {
    const refusal = error instanceof EntryStoreError ? error.refusal : null;
    const detail = refusal === null ? {} : { detail: `${refusal.word}: ${refusal.advice}` };
    return { status: 'failing', cause: causeWord(error), ...detail };
  }
}

function causeWord(error: unknown): string {
  if (error instanceof DOMException) return 'time_limit';
  if (error instanceof PublicReadRefused) return error.code;
  if (isDefect(error)) return 'internal_error';
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'unknown';
}
