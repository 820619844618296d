import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { $Command, ServiceInputTypes, ServiceOutputTypes } from '@aws-sdk/client-sqs';
import { namesRefusedCredentials, RenewableCredentials } from '@cloud-mirror/aws';
import type { CredentialsSource } from '@cloud-mirror/aws';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { jittered, orAborted, TimeLimit } from '@cloud-mirror/waiting';
import { QueueError } from '../job-queue.ts';
import { PlainCalls } from './plain-calls.ts';
import { codeNameOf, queueError } from './sqs-errors.ts';

export interface SqsCallsOptions {
  readonly region: string;
  /** Of an SQS-compatible server; `null` for AWS. */
  readonly endpoint: string | null;
  /** Longest time of a call, its repetitions included, in milliseconds; a long poll has its own wait besides. */
  readonly requestTimeoutMs: number;
  /** The SDK's own chain where none are given. */
  readonly credentials?: CredentialsSource | undefined;
}

export interface CallLimits {
  readonly signal?: AbortSignal | undefined;
  /** A long poll's own wait. */
  readonly waitMs?: number | undefined;
}

/** The SDK repeats what failed at once; the time limit of the call bounds all of it. */
const MAX_ATTEMPTS = 3;
/** Before the SDK asks what a throttled call without it left open; half of it at least. */
const THROTTLED_PAUSE_MS = 200;
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
    const credentials = new RenewableCredentials(options.credentials ?? 'chain');
    const { requestTimeoutMs } = options;
    this.#sending = connect(options, credentials, requestTimeoutMs, MAX_SENDING_SOCKETS);
    this.#polling = connect(options, credentials, requestTimeoutMs + LONGEST_POLL_MS, Infinity);
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
    const late = (): Error => new QueueError('queue_unavailable', `${what}: no answer within ${limitMs} ms`);
    using limit = new TimeLimit(limitMs, late);
    limit.endOn(this.#closed.signal);
    limit.endOn(signal);
    try {
      limit.signal.throwIfAborted();
      const client = waitMs === undefined ? this.#sending : this.#polling;
      // Parts of the SDK do not look at signals.
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
 * A client of the SDK, and the calls that share its connections. A call that was refused for its credentials has not been
 * carried out: it is repeated once where loading them anew gives others.
 */
class Connected implements SqsSender {
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
    if (!PLAIN_OPERATIONS.has(operation) || !this.#plain.knows(command.input))
      return this.#bySdk(command, abortSignal);
    const used = this.#credentials.current;
    const plain = await this.#plain.ask(operation, command.input, abortSignal);
    if (typeof plain === 'object') return plain as Output;
    if (plain === 'throttled') await sleep(jittered(THROTTLED_PAUSE_MS), undefined, { signal: abortSignal });
    const answer = await this.#bySdk(command, abortSignal);
    // A server that throttles, or took other credentials only, has nothing against calls without the SDK.
    if (plain === 'unclear' && this.#credentials.current === used) this.#plain.rest();
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
): Connected {
  const agent = { keepAlive: true, maxSockets };
  const [httpAgent, httpsAgent] = [new HttpAgent(agent), new HttpsAgent(agent)];
  const client = new SQSClient({
    region: options.region,
    maxAttempts: MAX_ATTEMPTS,
    credentials: credentials.provider,
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
    credentials,
    new PlainCalls({ client, agents: [httpAgent, httpsAgent], connectTimeoutMs: options.requestTimeoutMs }),
  );
}
