import { EntryStoreError, type EntryStore } from '@cloud-mirror/entry-store';
import type { ObjectId } from '@cloud-mirror/mirrored-objects';
import { FIRST_VISIBILITY_SECONDS, QueueError, type Delivery } from '@cloud-mirror/job-queue';

/** Another worker may be running this job now, so this one must stop and write nothing more for it. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
  /** `entry`: the entry has another token. `delivery`: the queue may have delivered the job to another worker. */
  readonly lost: 'entry' | 'delivery';

  constructor(lost: 'entry' | 'delivery', cause?: unknown) {
    super(lost === 'entry' ? 'the lease of the entry is lost' : 'the delivery is lost', { cause });
    this.lost = lost;
  }
}

export interface LeaseKeeperOptions {
  readonly entries: EntryStore;
  readonly delivery: Delivery;
  /** Length of both the entry's lease and the delivery's visibility. */
  readonly leaseMs: number;
  /** Called when a renewal fails; the next one follows as scheduled. */
  readonly onFailure: (part: 'entries' | 'queue', error: unknown) => void;
}

/**
 * The lease and visibility of a job that has just started, in milliseconds. Most jobs finish within it, and if a worker
 * dies early, another one soon gets its job.
 */
export function firstLeaseMs(leaseMs: number): number {
  return Math.min(leaseMs, FIRST_VISIBILITY_SECONDS * 1000);
}

/**
 * Renews the entry's lease and the delivery's visibility together, every third of their length, from the receipt of the
 * job until disposal. The loss of either aborts `signal` with a {@link LeaseLostError}. A part that does not answer
 * counts as a loss only once the visibility must have expired.
 */
export class LeaseKeeper implements AsyncDisposable {
  readonly signal: AbortSignal;
  readonly #options: LeaseKeeperOptions;
  readonly #lost = new AbortController();
  #timer: NodeJS.Timeout;
  #entry: { readonly id: ObjectId; readonly token: string } | null = null;
  #renewal: Promise<void> | null = null;
  #visibleAgainAt: number;
  /** Bytes copied so far; recorded in the entry at each renewal. */
  bytes = 0;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.signal = this.#lost.signal;
    const firstMs = firstLeaseMs(options.leaseMs);
    this.#visibleAgainAt = performance.now() + firstMs;
    this.#timer = setTimeout(() => {
      this.#timer = setInterval(() => this.#renew(), options.leaseMs / 3);
      this.#renew();
    }, firstMs / 3);
  }

  /** Starts to renew the entry's lease too. */
  keep(id: ObjectId, token: string): void {
    this.#entry = { id, token };
  }

  /** Stops the renewals. Call it before settling the delivery: a later renewal would hide the message again. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#renewal;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #renew(): void {
    if (this.#renewal !== null || this.signal.aborted) return;
    this.#renewal = Promise.all([this.#renewEntry(), this.#renewDelivery()]).then(() => {
      this.#renewal = null;
    });
  }

  async #renewEntry(): Promise<void> {
    if (this.#entry === null) return;
    const { id, token } = this.#entry;
    try {
      const renewal = { leaseMs: this.#options.leaseMs, bytes: this.bytes };
      if (!(await this.#options.entries.renew(id, token, renewal)))
        this.#lost.abort(new LeaseLostError('entry'));
    } catch (error) {
      if (!(error instanceof EntryStoreError)) this.#lost.abort(error);
      this.#options.onFailure('entries', error);
    }
  }

  async #renewDelivery(): Promise<void> {
    const begun = performance.now();
    try {
      await this.#options.delivery.extend(Math.ceil(this.#options.leaseMs / 1000));
      this.#visibleAgainAt = begun + this.#options.leaseMs;
    } catch (error) {
      const lost = error instanceof QueueError && error.code === 'delivery_lost';
      if (lost || performance.now() >= this.#visibleAgainAt) {
        this.#lost.abort(new LeaseLostError('delivery', error));
      }
      this.#options.onFailure('queue', error);
    }
  }
}
