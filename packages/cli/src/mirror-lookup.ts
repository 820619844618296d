import { request } from 'undici';
import type { Dispatcher } from 'undici';
import { answerText, jsonObject } from './answer-body.ts';
import { CommandError } from './command-error.ts';
import { sha256Hex } from './expected-digest.ts';
import { networkFailure } from './http-agent.ts';
import { headerText } from './http-headers.ts';
import type { HttpHeaders } from './http-headers.ts';
import { describeProblem } from './problem.ts';

/** Where the mirror sends a client. */
export interface MirrorAnswer {
  readonly source: 'copy' | 'origin';
  /** Why, in the mirror's own words: `hit`, `stored`, `wait_over`. */
  readonly why: string;
  readonly location: URL;
  /** The copy's digest as the mirror knows it, lower-case hex. */
  readonly sha256: string | null;
}

export interface LookupOptions {
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
  /** Seconds to wait for a copy that is not there yet; the mirror's own limit where `undefined`. */
  readonly waitSeconds: number | undefined;
  /** Time limit of the answer, beside the wait. */
  readonly idleMs: number;
  /** Have the mirror look whether the copy is there still. */
  readonly revalidate: boolean;
}

/** Longest the mirror waits by itself: its configured maximum is not known here. */
const LONGEST_DEFAULT_WAIT_MS = 60_000;

/**
 * Asks the mirror where the copy of `origin` is.
 * @throws CommandError for every answer that is no redirect
 */
export async function lookUp(address: string, origin: string, options: LookupOptions): Promise<MirrorAnswer> {
  const url = new URL(address);
  const { status, headers, text } = await ask(url, options);
  const location = headerText(headers.location);
  if (status !== 302 || location === null) throw notARedirect(status, headers, text, location);
  if (!URL.canParse(location, url.href))
    throw new CommandError(`the mirror's Location is not an address: ${location}; tell its operators`);
  const target = new URL(location, url);
  if (target.protocol !== 'http:' && target.protocol !== 'https:')
    throw new CommandError(
      `the mirror sends to ${target.protocol}, which is not followed; tell its operators`,
    );
  const cacheStatus = headerText(headers['cache-status']) ?? '';
  const detail = /;\s*detail="?([^";,]+)/.exec(cacheStatus)?.[1];
  // A fallback leads to the origin URL itself; nothing else ever does.
  if (target.href === normalForm(origin)) {
    const state = jsonObject(text)?.['status'];
    const why = detail ?? (typeof state === 'string' ? state : 'no cause is given');
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
