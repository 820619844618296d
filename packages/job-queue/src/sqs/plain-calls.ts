import { hash } from 'node:crypto';
import type { Agent as HttpAgent } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { FirstTry, PlainTry, RenewableCredentials, SdkRequest } from '@cloud-mirror/aws';
import { answered, CallsBesideSdk, learnAddresses, NOT_SENT, unclear } from '@cloud-mirror/aws';

/** Paths that are signed unchanged. Signers encode other characters in different ways. */
const PLAIN_PATH = /^[\w/.~-]*$/;

export interface PlainCallsOptions {
  readonly client: SQSClient;
  readonly credentials: RenewableCredentials;
  /** The client's agents, so that both share their connections. */
  readonly agents: readonly [HttpAgent, HttpsAgent];
  /** In milliseconds. The caller's signal bounds the whole call. */
  readonly connectTimeoutMs: number;
}

/** Where the calls for a queue go. */
interface QueueServer {
  readonly base: URL;
  readonly host: string;
  readonly path: string;
}

/**
 * Makes calls of SQS's JSON protocol without the SDK, whose middleware costs half a millisecond of CPU time per call: the
 * three calls of a copy cost more than everything else in it. {@link CallsBesideSdk} says when the SDK is used instead.
 *
 * The first call for each queue goes through the SDK, because the environment, the profile and the queue's address may
 * determine where it sends requests. Later calls go to the same address.
 */
export class PlainCalls {
  readonly #beside: CallsBesideSdk;
  /** Keyed by queue URL; `null` if calls for the queue need the SDK. */
  readonly #servers = new Map<string, QueueServer | null>();

  constructor({ client, credentials, agents, connectTimeoutMs }: PlainCallsOptions) {
    this.#beside = new CallsBesideSdk({
      client,
      credentials,
      agents,
      connectTimeoutMs,
      signing: { service: 'sqs', region: client.config.region, applyChecksum: false },
    });
    learnAddresses(client, (request, input) => this.#learn(queueOf(input), request));
  }

  /**
   * @param operation the name of the SQS action, such as `SendMessage`
   * @returns the first try, whose answer has the SDK's field names
   */
  call(operation: string, input: object): FirstTry<object> {
    return this.#beside.begin(async (signal) => {
      const server = this.#servers.get(queueOf(input)) ?? null;
      return server === null ? NOT_SENT : this.#ask(server, operation, JSON.stringify(input), signal);
    });
  }

  async #ask(
    { base, host, path }: QueueServer,
    operation: string,
    body: string,
    signal: AbortSignal,
  ): Promise<PlainTry<object>> {
    const headers = {
      host,
      'content-type': 'application/x-amz-json-1.0',
      'content-length': String(Buffer.byteLength(body)),
      'x-amz-target': `AmazonSQS.${operation}`,
    };
    const answer = await this.#beside.sendSigned({ base, path, method: 'POST', headers, body, signal });
    if (answer.statusCode === 200) {
      const read = readAnswer(answer.body);
      return read === undefined ? unclear() : answered(read);
    }
    return isThrottled(answer.body) ? { kind: 'unclear', pause: true } : unclear(answer.statusCode);
  }

  #learn(queue: string, { protocol, hostname, port, path, query }: SdkRequest): void {
    if (queue === '') return;
    const host = port === undefined ? hostname : `${hostname}:${port}`;
    const isPlain = PLAIN_PATH.test(path) && Object.keys(query ?? {}).length === 0 && !hostname.includes(':');
    this.#servers.set(queue, isPlain ? { base: new URL(`${protocol}//${host}`), host, path } : null);
  }
}

/** Whether a 400 or 403 has a code with which SQS throttles. */
function isThrottled(body: string): boolean {
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
