import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { S3Client } from '@aws-sdk/client-s3';
import type { $Command, S3ClientConfig, ServiceInputTypes, ServiceOutputTypes } from '@aws-sdk/client-s3';
import { RenewableCredentials } from '@cloud-mirror/aws';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { StorageError } from '@cloud-mirror/storage-provider';
import { orAborted, TimeLimit } from '@cloud-mirror/waiting';
import type { PlainTry } from '@cloud-mirror/aws';
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
  /** Tries at most; the configured number where absent. */
  readonly attempts?: number | undefined;
  /** How many times the configured time limit one try may take. Default 1. */
  readonly timeLimits?: number | undefined;
  /**
   * Once `signal` is aborted no further try begins, but the one under way may end within {@link GRACE_MS}: for requests
   * that open or close something, whose answer tells what there is to clear away.
   */
  readonly mayFinish?: boolean | undefined;
}

/** How long a request with `mayFinish` is left on its way after the caller has given up. */
const GRACE_MS = 5_000;

type S3Command<Input extends ServiceInputTypes, Output extends ServiceOutputTypes> = $Command<
  Input,
  Output,
  S3Client['config'],
  ServiceInputTypes,
  ServiceOutputTypes
>;

/**
 * Sends commands to S3: each try has a time limit, passing failures are tried again, what remains is a StorageError.
 * The SDK tries once only, since it knows neither which errors of a store pass nor that a purge must not be repeated.
 *
 * A request that was refused for its credentials has not been carried out. It is repeated at once, one time, where
 * loading the credentials anew gives others.
 */
export class S3Calls {
  readonly client: S3Client;
  readonly bucket: string;
  readonly credentials: RenewableCredentials;
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
    this.#wireOptions.applyTo(this.client, requestHandler);
    // It goes over all that it would tell a logger, of which there is none.
    this.client.middlewareStack.remove('loggerMiddleware');
    if (options.endpoint === undefined || options.endpoint.startsWith('https:')) {
      leavePayloadUnsigned(this.client);
      slicePayloads(this.client);
    }
  }

  /** Offset of the store's clock from this machine's, in milliseconds, as far as answers have told. */
  get clockOffsetMs(): number {
    return this.client.config.systemClockOffset;
  }

  /** For requests besides the SDK's, which share its connections. */
  get agents(): readonly [HttpAgent, HttpsAgent] {
    return this.#agents;
  }

  /**
   * @param withoutSdk makes the first try, where more than one is allowed. It counts as one: what it leaves unclear is
   *   asked by the SDK in the next
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
    // The handler's own limit ends with the headers of the answer; this one holds for its body and for signing as well.
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
      // The SDK notices an abort only while a request is on the wire, not while it looks up credentials.
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
      // The refusal says more than a time limit of this. Where the caller gave up, its reason is told by the caller's own check.
      return false;
    }
  }

  #requestHandler(): NodeHttpHandler {
    const [httpAgent, httpsAgent] = this.#agents;
    return new NodeHttpHandler({
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
    // Checksums are computed here over the bytes that are sent: the SDK's own come as trailers, which not all stores take.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // Costs a round trip for each part and, in the SDK, a connection of its own.
    expectContinueHeader: false,
  };
}
