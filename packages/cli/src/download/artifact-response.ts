import { request } from 'undici';
import type { Dispatcher } from 'undici';
import { CommandError } from '../command-interface.ts';
import { headerText, networkFailure } from '../http-client.ts';
import type { HttpHeaders } from '../http-client.ts';

const REDIRECT_LIMIT = 20;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export interface ArtifactResponse {
  readonly status: number;
  readonly url: URL;
  readonly headers: HttpHeaders;
  readonly body: Dispatcher.ResponseData['body'];
}

/**
 * GETs `location` and follows redirects. Sends no credentials, and does not decode the body.
 * @returns the first response that is not a redirect
 * @throws CommandError if a hop cannot be reached, or there are too many
 */
export async function getArtifact(
  location: URL,
  options: { readonly dispatcher: Dispatcher; readonly signal: AbortSignal },
): Promise<ArtifactResponse> {
  let url = location;
  for (let hop = 0; hop <= REDIRECT_LIMIT; hop += 1) {
    const { statusCode, headers, body } = await get(url, options);
    const next = headerText(headers.location);
    if (!REDIRECTS.has(statusCode) || next === null) return { status: statusCode, url, headers, body };
    await body.dump();
    if (!URL.canParse(next, url.href) || !/^https?:$/.test(new URL(next, url).protocol))
      throw new CommandError(`${url.host} redirects to a URL that is not http(s); mirror another URL`);
    url = new URL(next, url);
  }
  throw new CommandError(`${location.host} redirects more than ${REDIRECT_LIMIT} times; mirror another URL`);
}

async function get(url: URL, options: Parameters<typeof getArtifact>[1]): Promise<Dispatcher.ResponseData> {
  // undici ignores credentials in a URL, and such a URL is private.
  if (url.username !== '' || url.password !== '')
    throw new CommandError(
      `a redirect to ${url.host} has a user name in its URL, which is not supported; mirror another URL`,
    );
  try {
    return await request(url, { ...options, headers: { 'accept-encoding': 'identity' } });
  } catch (error) {
    throw networkFailure(error, url);
  }
}
