/**
 * Carries jobs from those who send them to those who do them: one queue, with its dead-letter queue. What a job is, and
 * how it is written, is its users' affair: an adapter is given a function that serializes one.
 *
 * Delivery is at least once, in no order. Every method may be called concurrently, and rejects with a
 * {@link QueueError}, or with the signal's reason once `signal` is aborted.
 */
export interface JobProducer<Job> {
  /** Resolves once the queue has taken the job. Where it rejects, the job may nevertheless have been taken. */
  enqueue(job: Job, options?: QueueCallOptions): Promise<void>;
}

/**
 * What a queue hands to a connection that has broken, or to a worker that dies at once, is given to another so soon, and not
 * only when the whole visibility timeout is over.
 */
export const FIRST_VISIBILITY_SECONDS = 15;

export interface JobConsumer {
  /**
   * Waits for jobs, at most `options.waitSeconds` (20 at the most, as SQS long polls do).
   * A delivery is invisible to others until its visibility ends, at first in {@link FIRST_VISIBILITY_SECONDS} at the most:
   * who works longer extends it. It must be settled exactly once, by `acknowledge`, `retry` or `deadLetter`. One never settled comes back by itself, and after `maxReceiveCount` deliveries the queue
   * moves it to the dead letters.
   * @returns at most `options.max` deliveries (10 at the most), none where nothing came in time
   */
  receive(options: ReceiveOptions): Promise<readonly Delivery[]>;
}

export interface Delivery {
  readonly id: string;
  /** As sent, unparsed. */
  readonly body: string;
  /** How often it was delivered, this time included. */
  readonly receiveCount: number;
  /** When the job was sent. */
  readonly sentAt: Date;
  /** Done: never deliver it again. */
  acknowledge(options?: QueueCallOptions): Promise<void>;
  /** Deliver it again after `delaySeconds` (0: at once; 43,200 at the most). */
  retry(delaySeconds: number, options?: QueueCallOptions): Promise<void>;
  /** Keep it invisible for `seconds` from now. Rejects with `delivery_lost` where somebody else may have it by now. */
  extend(seconds: number, options?: QueueCallOptions): Promise<void>;
  /** Give up: to the dead-letter queue at once, with `reason` beside it. */
  deadLetter(reason: string, options?: QueueCallOptions): Promise<void>;
}

/** What operators do with the queue of a back end. */
export interface JobQueueAdmin {
  /** Approximate counts, as the queue gives them. */
  depth(options?: QueueCallOptions): Promise<QueueDepth>;
  /**
   * Drops waiting jobs.
   * @throws QueueError `purge_in_progress` with `retryAfterSeconds`, where the queue takes this once a minute (SQS)
   */
  purge(options?: QueueCallOptions): Promise<void>;
  /** Looks at dead letters without removing them. Looking counts as a delivery. */
  deadLetters(max: number, options?: QueueCallOptions): Promise<readonly DeadLetter[]>;
  /** Sends every dead letter back to the queue. @returns how many */
  redriveDeadLetters(options?: QueueCallOptions): Promise<number>;
  /** Drops every dead letter. @throws QueueError `purge_in_progress` as `purge` does */
  purgeDeadLetters(options?: QueueCallOptions): Promise<void>;
  /** Makes the queue and its dead-letter queue where missing. @returns one line for each thing made or changed */
  prepare(options?: QueueCallOptions): Promise<readonly string[]>;
}

export interface JobQueue<Job> extends JobProducer<Job>, JobConsumer, JobQueueAdmin, AsyncDisposable {}

/** @throws QueueError `queue_rejected` for a job that no reader would take */
export type SerializeJob<Job> = (job: Job) => string;

export interface QueueCallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface ReceiveOptions extends QueueCallOptions {
  readonly max: number;
  readonly waitSeconds: number;
}

export interface QueueDepth {
  readonly waiting: number;
  readonly inFlight: number;
  readonly deadLetters: number;
}

export interface DeadLetter {
  readonly id: string;
  readonly body: string;
  readonly sentAt: Date;
  readonly receiveCount: number;
  readonly reason: string | null;
}

export type QueueErrorCode =
  | 'queue_unavailable' // cannot be reached, 5xx, throttled, time limit
  | 'queue_forbidden'
  | 'queue_missing' // there is no such queue
  | 'purge_in_progress'
  | 'delivery_lost' // the delivery is no longer ours
  | 'queue_rejected'; // the queue refuses the request; `retryable` tells whether it may take it later

/** Every failure of a JobQueue. */
export class QueueError extends Error {
  override readonly name = 'QueueError';
  readonly code: QueueErrorCode;
  readonly retryable: boolean;
  readonly retryAfterSeconds: number | null;

  constructor(
    code: QueueErrorCode,
    message: string,
    options: { cause?: unknown; retryable?: boolean; retryAfterSeconds?: number } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? (code !== 'queue_rejected' && code !== 'delivery_lost');
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
  }
}
