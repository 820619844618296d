import { request } from 'undici';
import type { Dispatcher } from 'undici';
import { CommandError } from '../command-interface.ts';
import { answerText, describeProblem, headerText, jsonObject, networkFailure } from '../http-client.ts';
import type { HttpHeaders } from '../http-client.ts';
import { sha256Hex } from './expected-digest.ts';

/** The mirror's redirect. */
export interface MirrorAnswer {
  readonly source: 'copy' | 'origin';
  /** The reason for the redirect; for a fallback, the `detail` of Cache-Status such as `wait_over`. */
  readonly why: string;
  readonly location: URL;
  /** The copy's SHA-256 in lower-case hex, if the mirror knows it. */
  readonly sha256: string | null;
}

export interface LookupOptions {
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
  /** How long the mirror may wait for a copy; undefined for the mirror's own limit. */
  readonly waitSeconds: number | undefined;
  /** The time limit of the response, in addition to the wait. */
  readonly idleMs: number;
  /** Whether the mirror must check that the copy still exists. */
  readonly revalidate: boolean;
}

/** An upper bound of the mirror's own wait, because the client does not know `server.maxWaitSeconds`. */
const LONGEST_DEFAULT_WAIT_MS = 60_000;

/**
 * Asks the mirror for the copy of `origin`.
 * @throws CommandError if the response is not a redirect
 */
export async function lookUp(address: string, origin: string, options: LookupOptions): Promise<MirrorAnswer> {
  const url = new URL(address);
  const { status, headers, text } = await ask(url, options);
  const location = headerText(headers.location);
  if (status !== 302 || location === null) throw notARedirect(status, headers, text, location);
  if (!URL.canParse(location, url.href))
    throw new CommandError(`the mirror's Location is not a URL: ${location}; tell its operators`);
  const target = new URL(location, url);
  if (target.protocol !== 'http:' && target.protocol !== 'https:')
    throw new CommandError(
      `the mirror redirects to a ${target.protocol} URL, which is not supported; tell its operators`,
    );
  const cacheStatus = headerText(headers['cache-status']) ?? '';
  const detail = /;\s*detail="?([^";,]+)/.exec(cacheStatus)?.[1];
  // Only a fallback redirects to the origin URL itself.
  if (target.href === normalForm(origin)) {
    const state = jsonObject(text)?.['status'];
    const why = detail ?? (typeof state === 'string' ? state : 'no reason given');
    return { source: 'origin', why, location: target, sha256: null };
  }
  const why = /;\s*stored\b/.test(cacheStatus) ? 'made just now' : 'it was there';
  return {
    source: 'copy',
    why,
    location: target,
    sha256: sha256Hex(headerText(headers['cloud-mirror-sha256'])),
  };
}

async function ask(
  url: URL,
  options: LookupOptions,
): Promise<{ status: number; headers: HttpHeaders; text: string }> {
  const { waitSeconds, revalidate } = options;
  const waitMs = waitSeconds === undefined ? LONGEST_DEFAULT_WAIT_MS : waitSeconds * 1000;
  try {
    const { statusCode, headers, body } = await request(url, {
      dispatcher: options.dispatcher,
      signal: options.signal,
      headersTimeout: waitMs + options.idleMs,
      headers: {
        ...(waitSeconds === undefined ? {} : { prefer: `wait=${waitSeconds}` }),
        ...(revalidate ? { 'cache-control': 'no-cache' } : {}),
      },
    });
    return { status: statusCode, headers, text: await answerText(body) };
  } catch (error) {
    throw networkFailure(error, url);
  }
}

function notARedirect(
  status: number,
  headers: HttpHeaders,
  text: string,
  location: string | null,
): CommandError {
  if (location !== null && status >= 300 && status < 400)
    return new CommandError(`the mirror answered ${status} to ${location}; give that front end as --mirror`);
  if (status < 400) return new CommandError(`the mirror answered ${status}, not a redirect; check --mirror`);
  return new CommandError(`the mirror answered ${describeProblem(status, headers, text)}`);
}

function normalForm(origin: string): string {
  const url = new URL(origin);
  url.hash = '';
  return url.href;
}
