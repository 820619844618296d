import { EntryStoreError, type EntryStore } from '@cloud-mirror/entry-store';
import type { ObjectId } from '@cloud-mirror/mirrored-objects';
import { FIRST_VISIBILITY_SECONDS, QueueError, type Delivery } from '@cloud-mirror/job-queue';

/** Somebody else may be doing this job by now: stop, and write nothing more about it. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
  /** `entry`: the entry is no longer ours; `delivery`: the queue may have given the job to another worker. */
  readonly lost: 'entry' | 'delivery';

  constructor(lost: 'entry' | 'delivery', cause?: unknown) {
    super(lost === 'entry' ? 'the entry is no longer ours' : 'the delivery is no longer ours', { cause });
    this.lost = lost;
  }
}

export interface LeaseKeeperOptions {
  readonly entries: EntryStore;
  readonly delivery: Delivery;
  /** Length of the lease and of the visibility, which are one. */
  readonly leaseMs: number;
  /** A renewal that could not be made; it is tried again at the next turn. */
  readonly onFailure: (part: 'entries' | 'queue', error: unknown) => void;
}

/**
 * The lease and visibility of a job that has just begun, in milliseconds: most end within it, and what a worker that dies
 * early had in hand is soon another's.
 */
export function firstLeaseMs(leaseMs: number): number {
  return Math.min(leaseMs, FIRST_VISIBILITY_SECONDS * 1000);
}

/**
 * Renews the entry's lease and the delivery's visibility together, at a third of what they are, from the moment the job was
 * received until disposal. Losing either aborts `signal` with a {@link LeaseLostError}. A part that does not answer is
 * not a loss, until the visibility must have run out.
 */
export class LeaseKeeper implements AsyncDisposable {
  readonly signal: AbortSignal;
  readonly #options: LeaseKeeperOptions;
  readonly #lost = new AbortController();
  #timer: NodeJS.Timeout;
  #entry: { readonly id: ObjectId; readonly token: string } | null = null;
  #turn: Promise<void> | null = null;
  #visibleAgainAt: number;
  /** Bytes copied so far, written down at each renewal. */
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

  /** From now on the entry's lease is kept, too. */
  keep(id: ObjectId, token: string): void {
    this.#entry = { id, token };
  }

  /** Ends the renewing. To be done before the delivery is settled: a renewal that arrives later would hide it again. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#turn;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #renew(): void {
    if (this.#turn !== null || this.signal.aborted) return;
    this.#turn = Promise.all([this.#renewEntry(), this.#renewDelivery()]).then(() => {
      this.#turn = null;
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
