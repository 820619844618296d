import { Agent, request, type Dispatcher } from 'undici';

/** A response as received: redirects are not followed, and encodings are not decoded. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly bytes: Buffer;
  readonly text: string;
  /** @throws SyntaxError if the body is not JSON */
  json(): Record<string, unknown>;
}

export interface WireOptions {
  readonly method?: Dispatcher.HttpMethod;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const LIMIT_MS = 60_000;

/** Sends one request on a new connection. */
export async function fetchOnWire(url: string, options: WireOptions = {}): Promise<WireAnswer> {
  const dispatcher = new Agent({ pipelining: 0, keepAliveTimeout: 1 });
  try {
    const answer = await request(url, {
      dispatcher,
      method: options.method ?? 'GET',
      headers: { ...options.headers },
      ...(options.body === undefined ? {} : { body: options.body }),
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    const text = bytes.toString();
    const headers = Object.fromEntries(
      Object.entries(answer.headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(', ') : value,
      ]),
    );
    return {
      status: answer.statusCode,
      headers,
      bytes,
      text,
      json: () => JSON.parse(text) as Record<string, unknown>,
    };
  } finally {
    await dispatcher.close();
  }
}

export interface Fetched {
  readonly redirect: WireAnswer;
  readonly location: string;
  readonly artifact: WireAnswer;
}

/** Follows the mirror's redirect like a client: returns the redirect and the artifact at its Location. */
export async function fetchThrough(url: string, options: WireOptions = {}): Promise<Fetched> {
  const redirect = await fetchOnWire(url, options);
  const location = redirect.headers['location'];
  if (redirect.status !== 302 || location === undefined) {
    throw new Error(`expected a redirect, got ${redirect.status}: ${redirect.text}`);
  }
  return { redirect, location, artifact: await fetchOnWire(location) };
}
