import { hash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { Agent as HttpAgent, IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Agent as HttpsAgent } from 'node:https';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { SignatureV4 } from '@smithy/signature-v4';

/** How long only the SDK is used after a server accepted its request but not an equal one of this class. */
const PAUSE_MS = 60_000;
/** Paths that are signed unchanged. Signers encode other characters in different ways. */
const PLAIN_PATH = /^[\w/.~-]*$/;

/** The HTTP request that the SDK builds. */
interface SdkRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query?: Readonly<Record<string, unknown>>;
}

/** The answer, or `unknown` if the SDK must make the call, or `throttled` if it must do so after a pause. */
export type PlainAnswer = object | 'unknown' | 'throttled';

export interface PlainCallsOptions {
  readonly client: SQSClient;
  /** The client's agents, so that both share their connections. */
  readonly agents: readonly [HttpAgent, HttpsAgent];
  /** In milliseconds. The caller's signal bounds the whole call. */
  readonly connectTimeoutMs: number;
}

/**
 * Makes calls of SQS's JSON protocol without the SDK, whose middleware costs half a millisecond of CPU time per call:
 * the three calls of a copy cost more than everything else in it. This class handles plain successful answers only.
 * After anything else the SDK repeats the call, with its error handling, retries and clock-skew correction.
 *
 * The first call for each queue goes through the SDK, because the environment, the profile and the queue's address may
 * determine where it sends requests. Later calls go to the same address.
 */
export class PlainCalls {
  readonly #options: PlainCallsOptions;
  readonly #signer: SignatureV4;
  /** Keyed by queue URL; `null` if calls for the queue need the SDK. */
  readonly #addresses = new Map<string, SdkRequest | null>();
  /** On the clock of `performance.now()`. */
  #pausedUntilMs = -Infinity;

  constructor(options: PlainCallsOptions) {
    const { client } = options;
    this.#options = options;
    this.#signer = new SignatureV4({
      service: 'sqs',
      region: client.config.region,
      credentials: client.config.credentials,
      sha256: client.config.sha256,
      applyChecksum: false,
    });
    client.middlewareStack.add(
      (next) => (args) => {
        this.#learn(queueOf(args.input), args.request as SdkRequest);
        return next(args);
      },
      { step: 'build', priority: 'low', name: 'learnAddress' },
    );
  }

  /** Whether calls for the queue of `input` can be made without the SDK now. */
  canCall(input: object): boolean {
    const address = this.#addresses.get(queueOf(input)) ?? null;
    return address !== null && performance.now() >= this.#pausedUntilMs;
  }

  /**
   * @param operation the name of the SQS action, such as `SendMessage`
   * @returns the answer with the SDK's field names, or why the SDK must make the call
   * @throws only the reason of `signal`
   */
  async call(operation: string, input: object, signal: AbortSignal): Promise<PlainAnswer> {
    const address = this.#addresses.get(queueOf(input)) ?? null;
    if (address === null) return 'unknown';
    try {
      const answer = await this.#send(address, operation, JSON.stringify(input), signal);
      const body = await text(answer);
      if (answer.statusCode === 200 && answer.complete) return readAnswer(body) ?? 'unknown';
      return isThrottled(answer.statusCode ?? 0, body) ? 'throttled' : 'unknown';
    } catch {
      signal.throwIfAborted();
      return 'unknown';
    }
  }

  /** To be called when the SDK succeeded with a call that failed here: uses the SDK only for a while. */
  pause(): void {
    this.#pausedUntilMs = performance.now() + PAUSE_MS;
  }

  async #send(
    { protocol, hostname, port, path }: SdkRequest,
    operation: string,
    body: string,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const headers = {
      host: port === undefined ? hostname : `${hostname}:${port}`,
      'content-type': 'application/x-amz-json-1.0',
      'content-length': String(Buffer.byteLength(body)),
      'x-amz-target': `AmazonSQS.${operation}`,
    };
    const method = 'POST';
    const signed = await this.#signer.sign(
      { method, protocol, hostname, path, query: {}, headers, body, ...(port !== undefined && { port }) },
      { signingDate: new Date(Date.now() + this.#options.client.config.systemClockOffset) },
    );
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const [httpAgent, httpsAgent] = this.#options.agents;
    const options = { method, host: hostname, port, path, headers: signed.headers, signal };
    const request =
      protocol === 'https:'
        ? httpsRequest({ ...options, agent: httpsAgent })
        : httpRequest({ ...options, agent: httpAgent });
    request.once('response', resolve);
    request.once('socket', (socket) => this.#boundConnecting(socket));
    request.on('error', reject);
    request.end(body);
    return promise;
  }

  #boundConnecting(socket: Socket): void {
    if (!socket.connecting) return;
    const timer = setTimeout(
      () => socket.destroy(new Error('no connection')),
      this.#options.connectTimeoutMs,
    );
    const end = (): void => clearTimeout(timer);
    socket.once('connect', end).once('close', end);
  }

  #learn(queue: string, { protocol, hostname, port, path, query }: SdkRequest): void {
    if (queue === '') return;
    const plain = PLAIN_PATH.test(path) && Object.keys(query ?? {}).length === 0 && !hostname.includes(':');
    this.#addresses.set(
      queue,
      plain ? { protocol, hostname, path, ...(port !== undefined && { port }) } : null,
    );
  }
}

/** Whether the status is 429 or 5xx, or a 400 or 403 has a code with which SQS throttles. */
function isThrottled(status: number, body: string): boolean {
  if (status >= 500 || status === 429) return true;
  const code = /"__type"\s*:\s*"([^"]*)"/.exec(body)?.[1] ?? '';
  return /Throttl|OverLimit|RequestLimitExceeded/.test(code);
}

/** The queue's URL; empty if the call has none. */
function queueOf(input: object): string {
  return 'QueueUrl' in input && typeof input.QueueUrl === 'string' ? input.QueueUrl : '';
}

interface ReceivedMessage {
  readonly Body?: string;
  readonly MD5OfBody?: string;
}

/** The parsed answer; `undefined` if the SDK would refuse it. */
function readAnswer(body: string): object | undefined {
  if (body === '') return {};
  const answer = JSON.parse(body) as { readonly Messages?: readonly ReceivedMessage[] | null } | null;
  if (typeof answer !== 'object' || answer === null) return undefined;
  // Requests are signed, answers are not. A damaged message is ignored, and SQS delivers it again.
  const Messages = answer.Messages?.filter(({ Body = '', MD5OfBody }) => MD5OfBody === hash('md5', Body));
  // If all of them look damaged, the server probably sends no digests, or other ones. The SDK decides about that.
  if (Messages?.length === 0 && answer.Messages?.length !== 0) return undefined;
  return { ...answer, Messages };
}
