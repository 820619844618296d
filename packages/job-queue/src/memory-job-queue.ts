import { randomUUID } from 'node:crypto';
import { FIRST_VISIBILITY_SECONDS, LONGEST_DELAY_SECONDS, QueueError } from './job-queue.ts';
import type {
  DeadLetter,
  Delivery,
  EnqueueOptions,
  JobQueue,
  QueueCallOptions,
  QueueDepth,
  ReceiveOptions,
  SerializeJob,
} from './job-queue.ts';

export interface MemoryJobQueueOptions<Job> {
  readonly serialize: SerializeJob<Job>;
  /** Deliveries of a job before it becomes a dead letter. */
  readonly maxReceiveCount: number;
  /** How long a delivery is hidden from others. */
  readonly visibilityTimeoutSeconds: number;
  /** Limit of the jobs that are waiting or in flight; beyond it `enqueue` rejects. 100,000 by default. */
  readonly maxJobs?: number | undefined;
}

interface Message {
  readonly id: string;
  readonly body: string;
  readonly sentAt: Date;
  receiveCount: number;
}

/** An invisible message: in flight, or given back with a delay. */
interface Hidden {
  readonly message: Message;
  /** Makes the message visible again. */
  readonly timer: NodeJS.Timeout;
}

interface Waiter {
  readonly max: number;
  readonly resolve: (deliveries: readonly Delivery[]) => void;
}

const MOST_MESSAGES = 10;
const LONGEST_WAIT_SECONDS = 20;
const LONGEST_HIDDEN_SECONDS = 43_200;
/** Beyond it, the oldest dead letter is dropped. */
const MAX_DEAD_LETTERS = 10_000;

/** A job queue in memory, for a front end and a copier in one process. A restart loses the jobs. */
export class MemoryJobQueue<Job> implements JobQueue<Job> {
  readonly #options: MemoryJobQueueOptions<Job>;
  readonly #waiting = new Map<string, Message>();
  /** Keyed by the receipt of the delivery that hides the message. */
  readonly #hidden = new Map<string, Hidden>();
  readonly #deadLetters = new Map<string, DeadLetter>();
  readonly #waiters = new Set<Waiter>();
  #closed = false;

  constructor(options: MemoryJobQueueOptions<Job>) {
    this.#options = options;
  }

  async enqueue(job: Job, options: EnqueueOptions = {}): Promise<void> {
    this.#open(options);
    const maxJobs = this.#options.maxJobs ?? 100_000;
    if (this.#waiting.size + this.#hidden.size >= maxJobs)
      throw new QueueError('queue_unavailable', `the queue is full: ${maxJobs} jobs are waiting`);
    const delaySeconds = Math.min(options.delaySeconds ?? 0, LONGEST_DELAY_SECONDS);
    const message = newMessage(this.#options.serialize(job));
    if (delaySeconds > 0) this.#hide(message.id, message, delaySeconds);
    else this.#show(message);
  }

  async receive(options: ReceiveOptions): Promise<readonly Delivery[]> {
    this.#open(options);
    const max = Math.max(1, Math.min(options.max, MOST_MESSAGES));
    const waitMs = Math.max(0, Math.min(options.waitSeconds, LONGEST_WAIT_SECONDS)) * 1_000;
    const deliveries = this.#deliver(max);
    if (deliveries.length > 0 || waitMs === 0) return deliveries;
    return this.#wait(max, waitMs, options.signal);
  }

  async depth(options: QueueCallOptions = {}): Promise<QueueDepth> {
    this.#open(options);
    return {
      waiting: this.#waiting.size,
      inFlight: this.#hidden.size,
      deadLetters: this.#deadLetters.size,
    };
  }

  async purge(options: QueueCallOptions = {}): Promise<void> {
    this.#open(options);
    this.#waiting.clear();
  }

  async deadLetters(max: number, options: QueueCallOptions = {}): Promise<readonly DeadLetter[]> {
    this.#open(options);
    const seen = [...this.#deadLetters.values()]
      .slice(0, Math.max(0, max))
      .map((letter) => ({ ...letter, receiveCount: letter.receiveCount + 1 }));
    for (const letter of seen) this.#deadLetters.set(letter.id, letter);
    return seen;
  }

  async redriveDeadLetters(options: QueueCallOptions = {}): Promise<number> {
    this.#open(options);
    const letters = [...this.#deadLetters.values()];
    this.#deadLetters.clear();
    for (const letter of letters) this.#show(newMessage(letter.body));
    return letters.length;
  }

  async purgeDeadLetters(options: QueueCallOptions = {}): Promise<void> {
    this.#open(options);
    this.#deadLetters.clear();
  }

  async prepare(options: QueueCallOptions = {}): Promise<readonly string[]> {
    this.#open(options);
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const { timer } of this.#hidden.values()) clearTimeout(timer);
    for (const waiter of [...this.#waiters]) waiter.resolve([]);
    this.#hidden.clear();
    this.#waiting.clear();
    this.#deadLetters.clear();
  }

  #open({ signal }: QueueCallOptions): void {
    signal?.throwIfAborted();
    if (this.#closed) throw new QueueError('queue_unavailable', 'the queue was closed');
  }

  #show(message: Message): void {
    this.#waiting.set(message.id, message);
    for (const waiter of this.#waiters) {
      const deliveries = this.#deliver(waiter.max);
      if (deliveries.length === 0) return;
      waiter.resolve(deliveries);
    }
  }

  #wait(max: number, waitMs: number, signal: AbortSignal | undefined): Promise<readonly Delivery[]> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        signal?.removeEventListener('abort', onAbort);
      };
      const onAbort = (): void => {
        end();
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        max,
        resolve: (deliveries) => {
          end();
          resolve(deliveries);
        },
      };
      const timer = setTimeout(() => waiter.resolve([]), waitMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiters.add(waiter);
    });
  }

  #deliver(max: number): readonly Delivery[] {
    const deliveries: Delivery[] = [];
    for (const message of this.#waiting.values()) {
      if (deliveries.length === max) break;
      this.#waiting.delete(message.id);
      if (message.receiveCount >= this.#options.maxReceiveCount) this.#bury(message, null);
      else deliveries.push(this.#deliveryOf(message));
    }
    return deliveries;
  }

  #deliveryOf(message: Message): Delivery {
    message.receiveCount += 1;
    const { id, body, sentAt, receiveCount } = message;
    const receipt = randomUUID();
    const { visibilityTimeoutSeconds } = this.#options;
    this.#hide(receipt, message, Math.min(visibilityTimeoutSeconds, FIRST_VISIBILITY_SECONDS));
    return {
      id,
      body,
      sentAt,
      receiveCount,
      acknowledge: async (options = {}) => {
        this.#open(options);
        // As in SQS, this also removes a job that is visible again, unless another consumer has received it.
        if (!this.#unhide(receipt) && message.receiveCount === receiveCount) this.#waiting.delete(id);
      },
      retry: async (delaySeconds, options = {}) => {
        this.#settle(receipt, options);
        if (delaySeconds <= 0) this.#show(message);
        else this.#hide(randomUUID(), message, delaySeconds);
      },
      extend: async (seconds, options = {}) => {
        this.#settle(receipt, options);
        this.#hide(receipt, message, seconds);
      },
      deadLetter: async (reason, options = {}) => {
        this.#settle(receipt, options);
        this.#bury(message, reason);
      },
    };
  }

  #hide(receipt: string, message: Message, seconds: number): void {
    const timer = setTimeout(
      () => {
        this.#hidden.delete(receipt);
        this.#show(message);
      },
      Math.min(seconds, LONGEST_HIDDEN_SECONDS) * 1_000,
    );
    timer.unref();
    this.#hidden.set(receipt, { message, timer });
  }

  /** @returns whether the message was still hidden under this receipt */
  #unhide(receipt: string): boolean {
    clearTimeout(this.#hidden.get(receipt)?.timer);
    return this.#hidden.delete(receipt);
  }

  #settle(receipt: string, options: QueueCallOptions): void {
    this.#open(options);
    if (!this.#unhide(receipt))
      throw new QueueError('delivery_lost', 'the visibility of this delivery has ended');
  }

  #bury({ id, body, sentAt, receiveCount }: Message, reason: string | null): void {
    this.#deadLetters.set(id, { id, body, sentAt, receiveCount, reason });
    const [oldest] = this.#deadLetters.keys();
    if (this.#deadLetters.size > MAX_DEAD_LETTERS && oldest !== undefined) this.#deadLetters.delete(oldest);
  }
}

function newMessage(body: string): Message {
  return { id: randomUUID(), body, sentAt: new Date(), receiveCount: 0 };
}
