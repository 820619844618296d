import type { IncomingMessage } from 'node:http';
import { HttpProblem, methodNotAllowed, type RequestTarget } from '@cloud-mirror/http-service';
import type { Route, RouteTable } from '@cloud-mirror/storage-routes';
import type { SignedMethod } from '@cloud-mirror/storage-provider';
import { decodePath } from './object-path.ts';
import { listOptions, type ListOptions } from './list-options.ts';
import { signableHeaders, type SignedHeaders } from './signable-headers.ts';
import { parseQuery, parseSubResources, type SubResources } from './sub-resources.ts';

/** What a request for an object asks for. */
export type ObjectRequest = SignRequest | ListRequest;

export interface SignRequest {
  readonly kind: 'sign';
  readonly method: SignedMethod;
  /** null if no route matches. */
  readonly route: Route | null;
  /** Behind the route's own prefix; empty if no route matches. */
  readonly key: string;
  readonly headers: SignedHeaders;
  readonly query: SubResources;
}

/** A GET or HEAD of a path with a trailing slash, below a route that lists. */
export interface ListRequest {
  readonly kind: 'list';
  readonly route: Route;
  /** The path as the client sees it. */
  readonly path: string;
  /** The prefix of the listed keys, behind the route's own. Empty or with a slash at its end. */
  readonly folder: string;
  readonly options: ListOptions;
}

/** The longest key of S3. It holds for folders too, so that a route can change its store. */
export const LONGEST_KEY_BYTES = 1024;

const METHODS: readonly SignedMethod[] = ['GET', 'HEAD', 'PUT', 'DELETE', 'POST'];

/**
 * Parses a request for an object.
 * @throws HttpProblem 400, 405 or 414, whatever the client may do
 */
export function parseObjectRequest(
  request: IncomingMessage,
  { rawPath, rawQuery }: RequestTarget,
  table: RouteTable,
): ObjectRequest {
  const method = METHODS.find((known) => known === request.method);
  if (method === undefined) throw methodNotAllowed(METHODS);
  const path = decodePath(rawPath);
  const headers = signableHeaders(request);
  const match = table.match(path);
  if (match === undefined)
    return {
      kind: 'sign',
      method,
      route: null,
      key: '',
      headers,
      query: parseSubResources(method, rawQuery),
    };
  const { route, key } = match;
  const isRead = method === 'GET' || method === 'HEAD';
  const whole = route.prefix + key;
  if (route.list && isRead && path.endsWith('/')) {
    const options = listOptions(parseQuery(rawQuery));
    assertLength(whole);
    return { kind: 'list', route, path, folder: key, options };
  }
  const query = parseSubResources(method, rawQuery);
  if (key === '')
    throw new HttpProblem(
      400,
      'key_empty',
      'The path has no key behind the prefix of its route, and a request for the bucket itself is not signed.',
    );
  assertLength(whole);
  return { kind: 'sign', method, route, key: whole, headers, query };
}

/** @throws HttpProblem 414 */
function assertLength(key: string): void {
  if (key.length * 3 > LONGEST_KEY_BYTES && Buffer.byteLength(key) > LONGEST_KEY_BYTES)
    throw new HttpProblem(
      414,
      'key_too_long',
      `The key has more than ${LONGEST_KEY_BYTES} bytes, the prefix of its route included.`,
    );
}
