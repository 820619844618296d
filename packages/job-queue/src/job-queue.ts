/**
 * The port to a job queue and its dead-letter queue. It is generic over the job: the caller gives the adapter a
 * function that serializes one.
 *
 * Delivery is at least once and unordered. Every method may be called concurrently, and rejects with a
 * {@link QueueError}, or with the signal's reason once `signal` is aborted.
 */
export interface JobProducer<Job> {
  /** Resolves once the queue has accepted the job. After a rejection the job may have been accepted nevertheless. */
  enqueue(job: Job, options?: EnqueueOptions): Promise<void>;
}

/** The longest delay of a sent job: the limit of SQS. */
export const LONGEST_DELAY_SECONDS = 900;

/**
 * Visibility of a new delivery. It is short, so that a job that is delivered over a broken connection, or to a worker
 * that dies at once, is soon delivered again, without waiting for the whole visibility timeout.
 */
export const FIRST_VISIBILITY_SECONDS = 15;

export interface JobConsumer {
  /**
   * Waits for jobs, at most `options.waitSeconds` (limit: 20, as for SQS long polls).
   * A delivery is invisible to other consumers until its visibility ends, at first after at most
   * {@link FIRST_VISIBILITY_SECONDS}; a consumer that needs longer extends it. The consumer must settle it exactly
   * once, by `acknowledge`, `retry` or `deadLetter`. The queue delivers an unsettled job again, and moves it to the
   * dead letters after `maxReceiveCount` deliveries.
   * @returns at most `options.max` deliveries (limit: 10); empty if no job arrived in time
   */
  receive(options: ReceiveOptions): Promise<readonly Delivery[]>;
}

export interface Delivery {
  readonly id: string;
  /** The serialized job, as sent. */
  readonly body: string;
  /** Number of deliveries of the job, including this one. */
  readonly receiveCount: number;
  /** When the job was sent. */
  readonly sentAt: Date;
  /** The job is done and is not delivered again. */
  acknowledge(options?: QueueCallOptions): Promise<void>;
  /** Gives the job back: it is delivered again after `delaySeconds` (0 for at once; limit: 43,200). */
  retry(delaySeconds: number, options?: QueueCallOptions): Promise<void>;
  /** Keeps it invisible for `seconds` from now. Rejects with `delivery_lost` if another consumer may have it. */
  extend(seconds: number, options?: QueueCallOptions): Promise<void>;
  /** Moves the job to the dead letters at once, with `reason`. */
  deadLetter(reason: string, options?: QueueCallOptions): Promise<void>;
}

/** The operators' calls for the queue of a back end. */
export interface JobQueueAdmin {
  /** Approximate counts. */
  depth(options?: QueueCallOptions): Promise<QueueDepth>;
  /**
   * Drops waiting jobs.
   * @throws QueueError `purge_in_progress` with `retryAfterSeconds`, because SQS allows one purge a minute
   */
  purge(options?: QueueCallOptions): Promise<void>;
  /** Returns dead letters without removing them. This counts as a delivery of each. */
  deadLetters(max: number, options?: QueueCallOptions): Promise<readonly DeadLetter[]>;
  /** Sends every dead letter back to the queue. @returns how many */
  redriveDeadLetters(options?: QueueCallOptions): Promise<number>;
  /** Drops every dead letter. @throws QueueError `purge_in_progress` as `purge` does */
  purgeDeadLetters(options?: QueueCallOptions): Promise<void>;
  /** Creates the queue and its dead-letter queue if they are missing. @returns one line for each change */
  prepare(options?: QueueCallOptions): Promise<readonly string[]>;
}

export interface JobQueue<Job> extends JobProducer<Job>, JobConsumer, JobQueueAdmin, AsyncDisposable {}

/** @throws QueueError `queue_rejected` for a job that no reader would take */
export type SerializeJob<Job> = (job: Job) => string;

export interface QueueCallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface EnqueueOptions extends QueueCallOptions {
  /** The job is not delivered before this time, in whole seconds (limit: {@link LONGEST_DELAY_SECONDS}). Default 0. */
  readonly delaySeconds?: number | undefined;
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
  | 'queue_missing' // the queue does not exist
  | 'purge_in_progress'
  | 'delivery_lost' // the visibility ended, so another consumer may have the job
  | 'queue_rejected'; // the queue refuses the request; `retryable`: it may accept it later

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
