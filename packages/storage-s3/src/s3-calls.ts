import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { S3Client } from '@aws-sdk/client-s3';
import type { $Command, S3ClientConfig, ServiceInputTypes, ServiceOutputTypes } from '@aws-sdk/client-s3';
import { BoundedAnswerHandler, RenewableCredentials } from '@cloud-mirror/aws';
import { StorageError } from '@cloud-mirror/storage-provider';
import { orAborted, TimeLimit } from '@cloud-mirror/waiting';
import type { PlainTry } from '@cloud-mirror/aws';
import { AnsweredClock } from './answered-clock.ts';
import { UnclearTry, withRetries } from './retry.ts';
import { credentialsRefused, toStorageError } from './s3-error.ts';
import type { S3StorageProviderOptions } from './s3-storage-provider-options.ts';
import {
  DEFAULT_MAX_ATTEMPTS,
  DEFAULT_MAX_CONNECTIONS,
  DEFAULT_REQUEST_TIMEOUT_MS,
  DEFAULT_RETRY_DELAY_MS,
} from './s3-storage-provider-options.ts';
import { leavePayloadUnsigned, slicePayloads, WireOptionsByInput } from './sdk-middleware.ts';

export interface S3CallOptions {
  /** Names the call in errors: `PUT of an object`. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
  /** Maximum number of tries. Default: the configured number. */
  readonly attempts?: number | undefined;
  /** The time limit of one try, as a multiple of the configured limit. Default 1. */
  readonly timeLimits?: number | undefined;
  /**
   * Whether a running try may finish within {@link GRACE_MS} after `signal` is aborted; no further try begins. For
   * requests that open or close a resource, whose answer says what to clean up.
   */
  readonly mayFinish?: boolean | undefined;
}

/** Grace period of a request with `mayFinish` after its signal is aborted. */
const GRACE_MS = 5_000;

type S3Command<Input extends ServiceInputTypes, Output extends ServiceOutputTypes> = $Command<
  Input,
  Output,
  S3Client['config'],
  ServiceInputTypes,
  ServiceOutputTypes
>;

/**
 * Sends commands to S3. Each try has a time limit, transient failures are retried, and lasting ones become StorageErrors.
 * Retries of the SDK are disabled: it knows neither which errors of a store are transient nor that a purge must not be
 * repeated.
 *
 * A request whose credentials were refused had no effect. If a reload returns other credentials, the request is repeated
 * once, immediately.
 */
export class S3Calls {
  readonly client: S3Client;
  readonly bucket: string;
  readonly credentials: RenewableCredentials;
  readonly clock = new AnsweredClock();
  readonly #region: string;
  readonly #agents: readonly [HttpAgent, HttpsAgent];
  readonly #attempts: number;
  readonly #firstDelayMs: number;
  readonly #timeoutMs: number;
  readonly #wireOptions = new WireOptionsByInput();
  readonly #closed = new AbortController();

  constructor(options: S3StorageProviderOptions) {
    this.bucket = options.bucket;
    this.#region = options.region;
    this.credentials = new RenewableCredentials(options.credentials ?? 'chain');
    this.#attempts = options.maxAttempts ?? DEFAULT_MAX_ATTEMPTS;
    this.#firstDelayMs = options.retryDelayMs ?? DEFAULT_RETRY_DELAY_MS;
    this.#timeoutMs = options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS;
    const agentOptions = { keepAlive: true, maxSockets: options.maxConnections ?? DEFAULT_MAX_CONNECTIONS };
    this.#agents = [new HttpAgent(agentOptions), new HttpsAgent(agentOptions)];
    const requestHandler = this.#requestHandler();
    this.client = new S3Client({
      ...clientConfig(options),
      credentials: this.credentials.provider,
      requestHandler,
    });
    this.#wireOptions.applyTo(this.client, requestHandler, this.clock);
    // Its work for each call is wasted, because no logger is configured.
    this.client.middlewareStack.remove('loggerMiddleware');
    if (options.endpoint === undefined || options.endpoint.startsWith('https:')) {
      leavePayloadUnsigned(this.client);
      slicePayloads(this.client);
    }
  }

  /** Offset of the store's clock from this machine's, in milliseconds, as learned from answers; 0 at first. */
  get clockOffsetMs(): number {
    return this.client.config.systemClockOffset;
  }

  /** The agents of the SDK client, so that direct requests share its connections. */
  get agents(): readonly [HttpAgent, HttpsAgent] {
    return this.#agents;
  }

  /**
   * @param withoutSdk makes the first try directly, if more than one is allowed. It counts as a try. If its answer is
   *   unclear, the SDK makes the next
   */
  async send<
    Input extends ServiceInputTypes,
    Output extends ServiceOutputTypes,
    Other extends object = never,
  >(
    command: S3Command<Input, Output>,
    options: S3CallOptions,
    withoutSdk?: (signal: AbortSignal) => Promise<PlainTry<Other>>,
  ): Promise<Output | Other> {
    const { input } = command;
    const attempts = options.attempts ?? this.#attempts;
    const bySdk = (): Promise<Output> => this.client.send(command);
    let renewed = false;
    const attempt = async (number: number): Promise<Output | Other> => {
      if (number === 1 && attempts > 1 && withoutSdk !== undefined) {
        const plain = await this.#once(input, options, withoutSdk);
        if (plain.kind === 'answered') return plain.answer;
        if (plain.kind === 'unclear') throw new UnclearTry(plain.pause);
      }
      const used = this.credentials.current;
      try {
        return await this.#once(input, options, bySdk);
      } catch (error) {
        if (renewed || !(await this.#renewCredentials(error, used, options))) throw error;
        renewed = true;
        return this.#once(input, options, bySdk);
      }
    };
    return withRetries(attempt, { attempts, firstDelayMs: this.#firstDelayMs, signal: options.signal });
  }

  /** Time limit of one try of one request. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** Aborted when the provider is closed. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  close(): void {
    this.#closed.abort(new StorageError('store_unavailable', 'the storage provider was closed'));
    this.client.destroy();
    for (const agent of this.#agents) agent.destroy();
  }

  async #once<Output>(
    input: object,
    { what, signal, timeLimits = 1, mayFinish = false }: S3CallOptions,
    ask: (signal: AbortSignal) => Promise<Output>,
  ): Promise<Output> {
    signal?.throwIfAborted();
    this.closed.throwIfAborted();
    // The handler's own limit covers a request until the headers of its answer. This limit also covers signing and the body.
    const limitMs = Math.ceil(this.#timeoutMs * timeLimits);
    using limit = new TimeLimit(
      limitMs,
      () =>
        new StorageError(
          'store_unavailable',
          `${what} in bucket ${this.bucket}: no answer within ${limitMs} ms`,
        ),
    );
    limit.endOn(this.closed);
    if (mayFinish) limit.shortenOn(signal, GRACE_MS);
    else limit.endOn(signal);
    const abortSignal = limit.signal;
    this.#wireOptions.set(input, { abortSignal, requestTimeout: limitMs });
    try {
      // The SDK reacts to an abort only during a request, not while it loads credentials.
      return await orAborted(ask(abortSignal), abortSignal);
    } catch (thrown) {
      if (abortSignal.aborted) throw abortSignal.reason;
      throw toStorageError(thrown, what, { bucket: this.bucket, region: this.#region });
    }
  }

  /** @returns whether `error` refuses the credentials and there are others now */
  async #renewCredentials(
    error: unknown,
    used: RenewableCredentials['current'],
    { what, signal }: S3CallOptions,
  ): Promise<boolean> {
    if (!(error instanceof StorageError)) return false;
    const certainty = credentialsRefused(error.cause, { region: this.#region });
    if (certainty === null) return false;
    try {
      return await this.#once({}, { what: `renewal of credentials after ${what}`, signal }, () =>
        this.credentials.renew(used, certainty),
      );
    } catch {
      // The refusal is more informative than a failed reload. If the signal is aborted, the retry loop throws its reason.
      return false;
    }
  }

  #requestHandler(): BoundedAnswerHandler {
    const [httpAgent, httpsAgent] = this.#agents;
    return new BoundedAnswerHandler({
      httpAgent,
      httpsAgent,
      connectionTimeout: Math.min(this.#timeoutMs, 5_000),
      requestTimeout: this.#timeoutMs,
      throwOnRequestTimeout: true,
    });
  }
}

function clientConfig(options: S3StorageProviderOptions): S3ClientConfig {
  return {
    region: options.region,
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    forcePathStyle: options.forcePathStyle ?? false,
    maxAttempts: 1,
    cacheMiddleware: true,
    followRegionRedirects: false,
    // Checksums are computed here and sent as headers. The SDK sends them as trailers, which not all stores accept.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // `Expect: 100-continue` costs a round trip for each part and, in the SDK, a separate connection.
    expectContinueHeader: false,
  };
}
