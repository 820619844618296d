import type { IncomingMessage } from 'node:http';
import { HttpProblem, type RequestTarget } from '@cloud-mirror/http-service';
import { StorageError, type SignedMethod } from '@cloud-mirror/storage-provider';
import type { Route, RouteTable } from '@cloud-mirror/storage-routes';
import type { Access } from '../access.ts';
import type { ReceivedRequest } from '../received-request.ts';
import type { Destination } from './destination.ts';
import type { Destinations } from './destinations.ts';
import { parseObjectRequest, type SignRequest } from './object-request.ts';

export interface ObjectsParts {
  /** The table in force. */
  readonly table: () => RouteTable;
  readonly destinations: Destinations;
  readonly access: Access;
  /** The life of signatures of routes that have none of their own. */
  readonly signedSeconds: number;
}

/** A signed address, and for how long it is valid. */
export interface SignedRedirect {
  readonly location: string;
  readonly seconds: number;
}

/** The time limit of a HEAD before a write to a route with `write: once`. */
const HEAD_LIMIT_MS = 5_000;

/**
 * Decides about one request for an object. The order of faults: 400 and 414, 401, 403, 503. Without `write: once` it
 * makes no call to a store, and resolves at once for a destination that was used before.
 * @throws HttpProblem
 */
export class ObjectsHandler {
  readonly #parts: ObjectsParts;

  constructor(parts: ObjectsParts) {
    this.#parts = parts;
  }

  answer(
    request: IncomingMessage,
    target: RequestTarget,
    { record }: ReceivedRequest,
  ): SignedRedirect | Promise<SignedRedirect> {
    const table = this.#parts.table();
    const asked = parseObjectRequest(request, target, table);
    const { route } = asked;
    if (route !== null) record.prefix = route.path;
    const isWrite = asked.kind === 'sign' && isWriting(asked.method);
    const token = this.#parts.access.assert(isWrite ? 'write' : 'read', route, request.headers.authorization);
    if (token !== null) record.token = token;
    if (asked.kind === 'list') throw new HttpProblem(501, 'not_implemented', 'Lists are not there yet.');
    if (route === null) throw noRoute(table);
    if (isWrite) assertWritable(route, asked);
    const destination = this.#parts.destinations.of(route);
    if (destination instanceof Promise || (isWrite && route.write === 'once'))
      return this.#slowly(destination, route, asked, isWrite);
    return this.#sign(destination, route, asked);
  }

  async #slowly(
    opening: Destination | Promise<Destination>,
    route: Route,
    asked: SignRequest,
    isWrite: boolean,
  ): Promise<SignedRedirect> {
    const destination = await opening;
    if (isWrite && route.write === 'once' && (await isTaken(destination, asked.key)))
      throw new HttpProblem(
        409,
        'key_taken',
        'There is an object with this key, and its route is write: once.',
      );
    return this.#sign(destination, route, asked);
  }

  #sign(
    destination: Destination,
    route: Route,
    { method, key, headers, query }: SignRequest,
  ): SignedRedirect | Promise<SignedRedirect> {
    const seconds = route.signedSeconds ?? this.#parts.signedSeconds;
    const location = destination.sign({ method, key, headers, query, seconds });
    if (typeof location === 'string') return { location, seconds };
    return location.then((signed) => ({ location: signed, seconds }));
  }
}

function isWriting(method: SignedMethod): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

function noRoute(table: RouteTable): HttpProblem {
  if (table.size === 0)
    return new HttpProblem(503, 'no_routes', 'This router has no routes yet: POST one to /.', {
      headers: { 'Retry-After': '5' },
    });
  return new HttpProblem(403, 'no_route', 'No route has a prefix of this path.');
}

/** @throws HttpProblem 403 */
function assertWritable({ write, path }: Route, { method, query }: SignRequest): void {
  if (write === 'never') throw new HttpProblem(403, 'write_refused', `The route ${path} is read-only.`);
  if (write === 'once' && (method === 'DELETE' || Object.hasOwn(query, 'tagging')))
    throw new HttpProblem(
      403,
      'write_refused',
      `Objects below the route ${path} are written once, and neither removed nor tagged.`,
    );
}

async function isTaken(destination: Destination, key: string): Promise<boolean> {
  try {
    return await destination.exists(key, AbortSignal.timeout(HEAD_LIMIT_MS));
  } catch (cause) {
    throw new HttpProblem(
      503,
      'store_unavailable',
      'The store does not say whether there is an object with this key, so the route, which is write: once, refuses the write.',
      { headers: { 'Retry-After': '5' }, cause },
    );
  }
}

/** Converts what signing throws to a problem. Messages of adapters may have internal addresses. */
export function signingProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof StorageError)
    return new HttpProblem(503, error.code, 'The address of this object cannot be signed now.', {
      cause: error,
    });
  return new HttpProblem(500, 'internal_error', 'An internal error occurred in the router.', {
    cause: error,
  });
}
