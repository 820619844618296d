import { hash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { Agent as HttpAgent, IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Agent as HttpsAgent } from 'node:https';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { SignatureV4 } from '@smithy/signature-v4';

/** How long a server is left alone that takes the SDK's requests and not these, in milliseconds. */
const REST_MS = 60_000;
/** What is signed as it stands, whatever is made of other characters. */
const PLAIN_PATH = /^[\w/.~-]*$/;

/** What the SDK builds for the wire. */
interface SdkRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query?: Readonly<Record<string, unknown>>;
}

/** The answer; `unclear`: nothing is known; `throttled`: nothing is known and the server asks for a pause. */
export type PlainAnswer = object | 'unclear' | 'throttled';

export interface PlainCallsOptions {
  readonly client: SQSClient;
  /** The client's, whose connections are shared. */
  readonly agents: readonly [HttpAgent, HttpsAgent];
  /** In milliseconds; the caller's signal bounds the rest. */
  readonly connectTimeoutMs: number;
}

/**
 * Calls of SQS's JSON protocol without the SDK, whose middleware takes half a millisecond of processor time for each: three
 * calls of a copy took more than everything else about it. They know plain answers alone: whatever else happens is for the
 * SDK to find out, with its errors, tries and correction of clocks.
 *
 * The SDK asks first for each queue. Where it sends its calls may depend on environment, profile and the queue's address, so
 * others go without it only to where one of its own went.
 */
export class PlainCalls {
  readonly #options: PlainCallsOptions;
  readonly #signer: SignatureV4;
  /** By queue; `null` where its calls cannot be made here. */
  readonly #addresses = new Map<string, SdkRequest | null>();
  /** By `performance.now()`. */
  #restsUntilMs = -Infinity;

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

  /** Whether it knows where to ask about the queue, and is not at rest. */
  knows(input: object): boolean {
    const known = this.#addresses.get(queueOf(input)) ?? null;
    return known !== null && performance.now() >= this.#restsUntilMs;
  }

  /**
   * @param operation SQS's name of it, `SendMessage` say
   * @returns the answer by the SDK's names, or why the SDK has to ask
   * @throws only what `signal` was aborted for
   */
  async ask(operation: string, input: object, signal: AbortSignal): Promise<PlainAnswer> {
    const address = this.#addresses.get(queueOf(input)) ?? null;
    if (address === null) return 'unclear';
    try {
      const answer = await this.#send(address, operation, JSON.stringify(input), signal);
      const body = await text(answer);
      if (answer.statusCode === 200 && answer.complete) return readAnswer(body) ?? 'unclear';
      return isThrottled(answer.statusCode ?? 0, body) ? 'throttled' : 'unclear';
    } catch {
      signal.throwIfAborted();
      return 'unclear';
    }
  }

  /** Tells that the SDK had a plain answer where this had none. */
  rest(): void {
    this.#restsUntilMs = performance.now() + REST_MS;
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

/** 429 and 5xx, and the codes with which SQS throttles with status 400 or 403. */
function isThrottled(status: number, body: string): boolean {
  if (status >= 500 || status === 429) return true;
  const code = /"__type"\s*:\s*"([^"]*)"/.exec(body)?.[1] ?? '';
  return /Throttl|OverLimit|RequestLimitExceeded/.test(code);
}

/** The queue's URL, empty where the call names none. */
function queueOf(input: object): string {
  return 'QueueUrl' in input && typeof input.QueueUrl === 'string' ? input.QueueUrl : '';
}

interface ReceivedMessage {
  readonly Body?: string;
  readonly MD5OfBody?: string;
}

/** `undefined` where the SDK would find it wrong. */
function readAnswer(body: string): object | undefined {
  if (body === '') return {};
  const answer = JSON.parse(body) as { readonly Messages?: readonly ReceivedMessage[] | null } | null;
  if (typeof answer !== 'object' || answer === null) return undefined;
  // What is sent is signed, and what is received is not: a job that was damaged on its way is left to come again.
  const Messages = answer.Messages?.filter(({ Body = '', MD5OfBody }) => MD5OfBody === hash('md5', Body));
  // All of them: more likely a server that tells no digests, or others. The SDK says what it thinks of that.
  if (Messages?.length === 0 && answer.Messages?.length !== 0) return undefined;
  return { ...answer, Messages };
}
