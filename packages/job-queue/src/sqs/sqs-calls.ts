import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { $Command, ServiceInputTypes, ServiceOutputTypes } from '@aws-sdk/client-sqs';
import { BoundedAnswerHandler, namesRefusedCredentials, RenewableCredentials } from '@cloud-mirror/aws';
import type { CredentialsSource } from '@cloud-mirror/aws';
import { jittered, orAborted, TimeLimit } from '@cloud-mirror/waiting';
import { QueueError } from '../job-queue.ts';
import { PlainCalls } from './plain-calls.ts';
import { codeNameOf, queueError } from './sqs-errors.ts';

export interface SqsCallsOptions {
  readonly region: string;
  /** Endpoint of an SQS-compatible server; `null` for AWS. */
  readonly endpoint: string | null;
  /** Time limit of a call, including retries, in milliseconds. A long poll may take its wait in addition. */
  readonly requestTimeoutMs: number;
  /** The SDK's own provider chain by default. */
  readonly credentials?: CredentialsSource | undefined;
}

export interface CallLimits {
  readonly signal?: AbortSignal | undefined;
  /** The wait of a long poll. */
  readonly waitMs?: number | undefined;
}

/** Attempts of the SDK, all within the time limit of the call. */
const MAX_ATTEMPTS = 3;
/** Longest pause, with jitter, before the SDK repeats a call that was throttled without it. */
const THROTTLED_PAUSE_MS = 200;
const LONGEST_POLL_MS = 20_000;
const MAX_SENDING_SOCKETS = 50;
const SILENT = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** Operations that every copy needs. They bypass the SDK if possible; see {@link PlainCalls}. */
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

/** Sends commands like the SDK's client. */
export interface SqsSender {
  send<Input extends ServiceInputTypes, Output extends ServiceOutputTypes>(
    command: SqsCommand<Input, Output>,
    options: { readonly abortSignal: AbortSignal },
  ): Promise<Omit<Output, '$metadata'>>;
}

/**
 * Calls SQS, each call within its time limit. Long polls use separate connections, because they occupy them for 20
 * seconds and must not block other calls.
 */
export class SqsCalls implements Disposable {
  readonly #requestTimeoutMs: number;
  readonly #sending: SqsConnection;
  readonly #polling: SqsConnection;
  readonly #closed = new AbortController();

  constructor(options: SqsCallsOptions) {
    this.#requestTimeoutMs = options.requestTimeoutMs;
    const credentials = new RenewableCredentials(options.credentials ?? 'chain');
    const { requestTimeoutMs } = options;
    this.#sending = connect(options, credentials, requestTimeoutMs, MAX_SENDING_SOCKETS);
    this.#polling = connect(options, credentials, requestTimeoutMs + LONGEST_POLL_MS, Infinity);
  }

  /**
   * Runs `call`, which may be several requests, within one time limit.
   *
   * @throws QueueError or the signal's reason, even if the SDK itself hangs
   */
  async within<T>(
    what: string,
    { signal, waitMs }: CallLimits,
    call: (client: SqsSender, abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const limitMs = this.#requestTimeoutMs + (waitMs ?? 0);
    const late = (): Error => new QueueError('queue_unavailable', `${what}: no answer within ${limitMs} ms`);
    using limit = new TimeLimit(limitMs, late);
    limit.endOn(this.#closed.signal);
    limit.endOn(signal);
    try {
      limit.signal.throwIfAborted();
      const client = waitMs === undefined ? this.#sending : this.#polling;
      // Some code of the SDK ignores signals.
      return await orAborted(call(client, limit.signal), limit.signal);
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      throw queueError(what, limit.signal.aborted ? limit.signal.reason : error);
    }
  }

  [Symbol.dispose](): void {
    this.#closed.abort(new QueueError('queue_unavailable', 'the queue was closed'));
    this.#sending.destroy();
    this.#polling.destroy();
  }
}

/**
 * An SDK client, and the calls that bypass it but share its connections. A call that was refused because of its
 * credentials had no effect, so it is retried once if reloading the credentials gives different ones.
 */
class SqsConnection implements SqsSender {
  readonly #client: SQSClient;
  readonly #credentials: RenewableCredentials;
  readonly #plain: PlainCalls;

  constructor(client: SQSClient, credentials: RenewableCredentials, plain: PlainCalls) {
    this.#client = client;
    this.#credentials = credentials;
    this.#plain = plain;
  }

  async send<Input extends ServiceInputTypes, Output extends ServiceOutputTypes>(
    command: SqsCommand<Input, Output>,
    { abortSignal }: { readonly abortSignal: AbortSignal },
  ): Promise<Omit<Output, '$metadata'>> {
    const operation = command.constructor.name.replace(/Command$/, '');
    if (!PLAIN_OPERATIONS.has(operation)) return this.#bySdk(command, abortSignal);
    const plain = this.#plain.call(operation, command.input);
    const tried = await plain.send(abortSignal);
    if (tried.kind === 'answered') return tried.answer as Output;
    if (tried.kind === 'unclear' && tried.pause)
      await sleep(jittered(THROTTLED_PAUSE_MS), undefined, { signal: abortSignal });
    const answer = await this.#bySdk(command, abortSignal);
    plain.settledBySdk();
    return answer;
  }

  async #bySdk<Input extends ServiceInputTypes, Output extends ServiceOutputTypes>(
    command: SqsCommand<Input, Output>,
    abortSignal: AbortSignal,
  ): Promise<Output> {
    const used = this.#credentials.current;
    try {
      return await this.#client.send(command, { abortSignal });
    } catch (error) {
      if (!namesRefusedCredentials(codeNameOf(error)) || !(await this.#credentials.renew(used))) throw error;
      return this.#client.send(command, { abortSignal });
    }
  }

  destroy(): void {
    this.#client.destroy();
  }
}

function connect(
  options: SqsCallsOptions,
  credentials: RenewableCredentials,
  requestTimeout: number,
  maxSockets: number,
): SqsConnection {
  const agent = { keepAlive: true, maxSockets };
  const [httpAgent, httpsAgent] = [new HttpAgent(agent), new HttpsAgent(agent)];
  const client = new SQSClient({
    region: options.region,
    maxAttempts: MAX_ATTEMPTS,
    credentials: credentials.provider,
    // Queue URLs of SQS-compatible servers may have hosts that do not resolve here, so the endpoint is used instead.
    ...(options.endpoint !== null && { endpoint: options.endpoint, useQueueUrlAsEndpoint: false }),
    requestHandler: new BoundedAnswerHandler({
      connectionTimeout: options.requestTimeoutMs,
      requestTimeout,
      throwOnRequestTimeout: true,
      httpAgent,
      httpsAgent,
      logger: SILENT,
    }),
  });
  return new SqsConnection(
    client,
    credentials,
    new PlainCalls({
      client,
      credentials,
      agents: [httpAgent, httpsAgent],
      connectTimeoutMs: options.requestTimeoutMs,
    }),
  );
}
