import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { $Command, ServiceInputTypes, ServiceOutputTypes, SQSClientConfig } from '@aws-sdk/client-sqs';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { QueueError } from '../job-queue.ts';
import { PlainCalls } from './plain-calls.ts';
import { queueError } from './sqs-errors.ts';

export interface SqsCallsOptions {
  readonly region: string;
  /** Of an SQS-compatible server; `null` for AWS. */
  readonly endpoint: string | null;
  /** Longest time of a call, its repetitions included, in milliseconds; a long poll has its own wait besides. */
  readonly requestTimeoutMs: number;
  /** The SDK's own chain where none are given. */
  readonly credentials?: NonNullable<SQSClientConfig['credentials']> | undefined;
}

export interface CallLimits {
  readonly signal?: AbortSignal | undefined;
  /** A long poll's own wait. */
  readonly waitMs?: number | undefined;
}

/** The SDK repeats what failed at once; the time limit of the call bounds all of it. */
const MAX_ATTEMPTS = 3;
const LONGEST_POLL_MS = 20_000;
const MAX_SENDING_SOCKETS = 50;
const SILENT = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** What every copy needs: these go without the SDK where they can, see {@link PlainCalls}. */
const PLAIN_OPERATIONS: ReadonlySet<string> = new Set([
  'SendMessage',
  'SendMessageBatch',
  'ReceiveMessage',
  'DeleteMessage',
  'DeleteMessageBatch',
  'ChangeMessageVisibility',
  'ChangeMessageVisibilityBatch',
]);

type SqsCommand<Input extends ServiceInputTypes, Output extends ServiceOutputTypes> = $Command<
  Input,
  Output,
  SQSClient['config'],
  ServiceInputTypes,
  ServiceOutputTypes
>;

/** Sends single commands, as the SDK's client does. */
export interface SqsSender {
  send<Input extends ServiceInputTypes, Output extends ServiceOutputTypes>(
    command: SqsCommand<Input, Output>,
    options: { readonly abortSignal: AbortSignal },
  ): Promise<Omit<Output, '$metadata'>>;
}

/**
 * Calls to SQS, each within its time limit. Long polls have connections of their own: they hold them for 20 seconds,
 * and nothing else may wait for them.
 */
export class SqsCalls implements Disposable {
  readonly #requestTimeoutMs: number;
  readonly #sending: Connected;
  readonly #polling: Connected;
  readonly #closed = new AbortController();

  constructor(options: SqsCallsOptions) {
    this.#requestTimeoutMs = options.requestTimeoutMs;
    this.#sending = connect(options, options.requestTimeoutMs, MAX_SENDING_SOCKETS);
    this.#polling = connect(options, options.requestTimeoutMs + LONGEST_POLL_MS, Infinity);
  }

  /**
   * Runs `call`, which may be several requests, within one time limit.
   *
   * @throws QueueError or the signal's reason, also where the SDK itself would not come back
   */
  async within<T>(
    what: string,
    { signal, waitMs }: CallLimits,
    call: (client: SqsSender, abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const limitMs = this.#requestTimeoutMs + (waitMs ?? 0);
    const stop = new AbortController();
    const closed = this.#closed.signal;
    const onAbort = (): void => stop.abort(signal?.reason);
    const onClose = (): void => stop.abort(closed.reason);
    const timer = setTimeout(
      () => stop.abort(new QueueError('queue_unavailable', `${what}: no answer within ${limitMs} ms`)),
      limitMs,
    );
    signal?.addEventListener('abort', onAbort);
    closed.addEventListener('abort', onClose);
    if (closed.aborted) onClose();
    if (signal?.aborted === true) onAbort();
    try {
      return await settled(stop.signal, (abortSignal) =>
        call(waitMs === undefined ? this.#sending : this.#polling, abortSignal),
      );
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      throw queueError(what, stop.signal.aborted ? stop.signal.reason : error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      closed.removeEventListener('abort', onClose);
    }
  }

  [Symbol.dispose](): void {
    this.#closed.abort(new QueueError('queue_unavailable', 'the queue was closed'));
    this.#sending.destroy();
    this.#polling.destroy();
  }
}

/** What `call` comes to, or a rejection once the signal is aborted: parts of the SDK do not look at signals. */
async function settled<T>(signal: AbortSignal, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([call(signal), aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** A client of the SDK, and the calls that share its connections. */
class Connected implements SqsSender {
  readonly #client: SQSClient;
  readonly #plain: PlainCalls;

  constructor(client: SQSClient, plain: PlainCalls) {
    this.#client = client;
    this.#plain = plain;
  }

  async send<Input extends ServiceInputTypes, Output extends ServiceOutputTypes>(
    command: SqsCommand<Input, Output>,
    { abortSignal }: { readonly abortSignal: AbortSignal },
  ): Promise<Omit<Output, '$metadata'>> {
    const bySdk = (): Promise<Output> => this.#client.send(command, { abortSignal });
    const operation = command.constructor.name.replace(/Command$/, '');
    if (!PLAIN_OPERATIONS.has(operation) || !this.#plain.knows(command.input)) return bySdk();
    const plain = await this.#plain.ask(operation, command.input, abortSignal);
    if (plain !== undefined) return plain as Output;
    const answer = await bySdk();
    this.#plain.rest();
    return answer;
  }

  destroy(): void {
    this.#client.destroy();
  }
}

function connect(options: SqsCallsOptions, requestTimeout: number, maxSockets: number): Connected {
  const agent = { keepAlive: true, maxSockets };
  const [httpAgent, httpsAgent] = [new HttpAgent(agent), new HttpsAgent(agent)];
  const client = new SQSClient({
    region: options.region,
    maxAttempts: MAX_ATTEMPTS,
    ...(options.credentials !== undefined && { credentials: options.credentials }),
    // Servers other than AWS name hosts in queue URLs that do not resolve everywhere: the endpoint is the truth then.
    ...(options.endpoint !== null && { endpoint: options.endpoint, useQueueUrlAsEndpoint: false }),
    requestHandler: new NodeHttpHandler({
      connectionTimeout: options.requestTimeoutMs,
      requestTimeout,
      throwOnRequestTimeout: true,
      httpAgent,
      httpsAgent,
      logger: SILENT,
    }),
  });
  return new Connected(
    client,
    new PlainCalls({ client, agents: [httpAgent, httpsAgent], connectTimeoutMs: options.requestTimeoutMs }),
  );
}
