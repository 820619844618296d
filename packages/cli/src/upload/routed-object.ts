import type { Readable } from 'node:stream';
import { backoff, pause } from '@cloud-mirror/waiting';
import { request, type Dispatcher } from 'undici';
import { CommandError, UsageError } from '../command-interface.ts';
import { answerText, describeProblem, headerText, networkFailure } from '../http-client.ts';
import type { HttpHeaders } from '../http-client.ts';

/** One request about an object behind a router. */
export interface RoutedRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** S3's sub-resources. */
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Called for each try. */
  readonly body?: () => Buffer | Readable;
  /** Statuses other than 2xx that the caller handles itself. */
  readonly alsoAnswers?: readonly number[];
}

export interface RoutedAnswer {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly text: string;
}

export interface RoutedObjectOptions {
  readonly url: URL;
  /** For the router only; null to send none. */
  readonly token: string | null;
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
}

const TRIES = 5;
const PAUSES_MS = { first: 500, longest: 10_000 };

/** A failure that another try may not have. */
class PassingFailure extends Error {}

/**
 * An object behind a router. Each request asks the router for a signed address without a body, and sends its body to that
 * address only, so bodies travel once. Failures that may pass are tried again, with a new signature.
 */
export class RoutedObject {
  readonly #options: RoutedObjectOptions;

  constructor(options: RoutedObjectOptions) {
    this.#options = options;
  }

  /** @throws CommandError with the fault of the router or the store */
  async send(sent: RoutedRequest): Promise<RoutedAnswer> {
    const { signal } = this.#options;
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#try(sent);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof PassingFailure)) throw error;
        if (tries === TRIES) throw error.cause;
        await pause(backoff(tries - 1, PAUSES_MS), signal);
      }
    }
  }

  async #try(sent: RoutedRequest): Promise<RoutedAnswer> {
    const address = await this.#signedAddress(sent);
    const { method, headers = {}, body } = sent;
    const answer = await this.#call(address, { method, headers, body: body?.() ?? null });
    return this.#checked(answer, sent, 'the store');
  }

  async #signedAddress(sent: RoutedRequest): Promise<URL> {
    const { url, token } = this.#options;
    const { method, headers = {}, query = {} } = sent;
    const asked = new URL(url);
    for (const [name, value] of Object.entries(query)) asked.searchParams.set(name, value);
    const authorization = token === null ? {} : { authorization: `Bearer ${token}` };
    const answer = await this.#call(asked, { method, headers: { ...headers, ...authorization }, body: null });
    const location = headerText(answer.headers.location);
    if (answer.status === 307 && location !== null) return new URL(location, asked);
    const checked = this.#checked(answer, { ...sent, alsoAnswers: [] }, 'the router');
    throw new CommandError(`${url.host} answered ${checked.status} instead of a redirect; is it a router?`);
  }

  async #call(
    url: URL,
    {
      method,
      headers,
      body,
    }: { method: string; headers: Readonly<Record<string, string>>; body: Buffer | Readable | null },
  ): Promise<RoutedAnswer> {
    const { dispatcher, signal } = this.#options;
    try {
      const answer = await request(url, { dispatcher, signal, method, headers: { ...headers }, body });
      return { status: answer.statusCode, headers: answer.headers, text: await answerText(answer.body) };
    } catch (error) {
      signal.throwIfAborted();
      throw new PassingFailure('', { cause: networkFailure(error, url) });
    }
  }

  #checked(answer: RoutedAnswer, { alsoAnswers = [] }: RoutedRequest, who: string): RoutedAnswer {
    const { status, text } = answer;
    // S3 reports a failed completion with status 200: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
    const failed = status >= 300 || /^\s*(?:<\?xml[^>]*>\s*)?<Error>/.test(text);
    if (!failed || alsoAnswers.includes(status)) return answer;
    const failure = new CommandError(`${who} answered ${described(answer)}${remedy(status)}`);
    if (status === 429 || status >= 500 || status < 300 || /RequestTimeout/.test(text))
      throw new PassingFailure('', { cause: failure });
    throw failure;
  }
}

function described({ status, headers, text }: RoutedAnswer): string {
  const code = xmlText(text, 'Code');
  if (code === null) return describeProblem(status, headers, text);
  return `${status} ${code}: ${xmlText(text, 'Message') ?? 'no detail given'}`;
}

function remedy(status: number): string {
  if (status === 401) return '; set CLOUD_MIRROR_TOKEN or give --token-file';
  return '';
}

/** The text of the first element with this name; null if there is none. */
export function xmlText(xml: string, name: string): string | null {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  if (found === undefined) return null;
  return found
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#34;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
}

/** @throws UsageError if it is no address of an object */
export function routedUrl(text: string): URL {
  const url = URL.parse(text);
  if (
    url === null ||
    !/^https?:$/.test(url.protocol) ||
    url.pathname === '/' ||
    url.search !== '' ||
    url.username !== ''
  )
    throw new UsageError(
      `${JSON.stringify(text)} is not the address of an object; give one such as http://localhost:9000/some/path`,
    );
  url.hash = '';
  return url;
}
