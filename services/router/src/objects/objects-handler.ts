import type { IncomingMessage } from 'node:http';
import { HttpProblem, type RequestTarget } from '@cloud-mirror/http-service';
import { StorageError, type SignedMethod } from '@cloud-mirror/storage-provider';
import type { Route, RouteTable } from '@cloud-mirror/storage-routes';
import type { Access } from '../access.ts';
import type { ReceivedRequest } from '../received-request.ts';
import type { Destination } from './destination.ts';
import type { Destinations } from './destinations.ts';
import { listAnswer, type ListAnswer } from './list-answer.ts';
import { parseObjectRequest, type ListRequest, type SignRequest } from './object-request.ts';
import { StoreCalls } from './store-calls.ts';

export interface ObjectsParts {
  /** The table in force. */
  readonly table: () => RouteTable;
  readonly destinations: Destinations;
  readonly access: Access;
  /** The life of signatures of routes that have none of their own. */
  readonly signedSeconds: number;
}

/** A redirect to a signed address, or a list. */
export type ObjectAnswer = SignedRedirect | ListAnswer;

/** A signed address, and for how long it is valid. */
export interface SignedRedirect {
  readonly location: string;
  readonly seconds: number;
}

/**
 * Decides about one request for an object. The order of faults: 400 and 414, 401, 403, 503. Except for lists
 * and `write: once`, it makes no call to a store, and answers at once for a destination that was used before.
 * @throws HttpProblem
 */
export class ObjectsHandler {
  readonly #parts: ObjectsParts;
  readonly #calls = new StoreCalls();

  constructor(parts: ObjectsParts) {
    this.#parts = parts;
  }

  answer(
    request: IncomingMessage,
    target: RequestTarget,
    { record }: ReceivedRequest,
  ): ObjectAnswer | Promise<ObjectAnswer> {
    const table = this.#parts.table();
    const asked = parseObjectRequest(request, target, table);
    const { route } = asked;
    if (route !== null) record.prefix = route.path;
    const isWrite = asked.kind === 'sign' && isWriting(asked.method);
    const { authorization } = request.headers;
    const token = this.#parts.access.assert(isWrite ? 'write' : 'read', route, authorization);
    if (token !== null) record.token = token;
    if (route === null) throw noRoute(table);
    if (asked.kind === 'list') return this.#list(request, asked);
    if (isWrite) assertWritable(route, asked);
    const destination = this.#parts.destinations.of(route);
    if (isWrite && route.write === 'once') return this.#signOnce(request, destination, route, asked);
    if (destination instanceof Promise) return destination.then((opened) => this.#sign(opened, route, asked));
    return this.#sign(destination, route, asked);
  }

  async #signOnce(
    request: IncomingMessage,
    opening: Destination | Promise<Destination>,
    route: Route,
    asked: SignRequest,
  ): Promise<SignedRedirect> {
    const destination = await opening;
    const isTaken = await this.#calls.run(
      request,
      'The store does not say whether there is an object with this key, so the route, which is write: once, refuses the write.',
      (signal) => destination.exists(asked.key, signal),
    );
    if (isTaken)
      throw new HttpProblem(
        409,
        'key_taken',
        'There is an object with this key, and its route is write: once.',
      );
    return this.#sign(destination, route, asked);
  }

  async #list(request: IncomingMessage, asked: ListRequest): Promise<ListAnswer> {
    const destination = await this.#parts.destinations.of(asked.route);
    const page = await this.#calls.run(request, 'The store does not list the objects now.', (signal) =>
      destination.listFolder(asked.route.prefix + asked.folder, { ...asked.options, signal }),
    );
    return listAnswer(request, asked, page);
  }

  #sign(
    destination: Destination,
    route: Route,
    { method, key, headers, query }: SignRequest,
  ): SignedRedirect | Promise<SignedRedirect> {
    const seconds = route.signedSeconds ?? this.#parts.signedSeconds;
    const location = destination.sign({ method, key, headers, query, seconds });
    if (typeof location === 'string') return signedRedirect(route, location, seconds);
    return location.then((signed) => signedRedirect(route, signed, seconds));
  }
}

/** Credentials of the process may expire before `seconds`; the address then states a shorter life. */
function signedRedirect({ target }: Route, location: string, seconds: number): SignedRedirect {
  if (target.kind === 's3' && target.credentials !== null) return { location, seconds };
  const stated = /[?&]X-Amz-Expires=(\d+)/.exec(location)?.[1];
  return { location, seconds: stated === undefined ? seconds : Number(stated) };
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
