import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bodyAnswer, type OriginAnswer } from './origin-answer.ts';
import { bytesOf, digestOf, fixedBody, type OriginBody } from './origin-body.ts';
import { originAnswer, statusAnswer } from './origin-routes.ts';
import { sendAnswer, type BodyGate } from './origin-sender.ts';

export interface OriginRequest {
  readonly method: string;
  /** Includes the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly at: Date;
}

export interface OriginSpeed {
  readonly bytesPerSecond: number;
}

export interface ExpectedBody {
  readonly sizeBytes: number;
  /** In lower-case hex. */
  readonly sha256: string;
  /** The whole body; only for bodies that fit into memory. */
  bytes(): Buffer;
}

/** Holds the GETs of one path at one position until `release` or disposal. */
export interface Hold extends Disposable {
  /** Resolves when the first GET is held. */
  readonly arrived: Promise<void>;
  release(): void;
}

/** An origin on 127.0.0.1 that a test controls. origin-routes.ts documents its paths. */
export interface OriginServer extends AsyncDisposable {
  /** Without a trailing slash. */
  readonly baseUrl: string;
  readonly port: number;
  url(path: string): string;
  /** All requests since the start or the last `reset`, in the order of their arrival. */
  readonly requests: readonly OriginRequest[];
  /** Counts the requests of a method (null: any) for a path with its query (default: any). */
  count(method: string | null, path?: string): number;
  /** Clears the requests, and the number of tries of each path. */
  reset(): void;
  /** Sets the content of `/mutable/<name>`, with a new strong ETag unless `headers` contains one. */
  set(name: string, bytes: Uint8Array, headers?: Readonly<Record<string, string>>, speed?: OriginSpeed): void;
  /** Makes `/mutable/<name>` a 404 again. */
  remove(name: string): void;
  /** Holds GETs of `path` (with its query) before their headers, or after `afterBytes` of the body. */
  hold(path: string, options?: { readonly afterBytes?: number }): Hold;
  /** The complete body of `path`. @throws Error if the server has no such path */
  bodyOf(path: string): ExpectedBody;
}

interface Held {
  readonly path: string;
  /** null to hold before the headers. */
  readonly afterBytes: number | null;
  readonly arrive: () => void;
  readonly opened: Promise<void>;
  readonly release: () => void;
}

export async function startOriginServer(options: { readonly port?: number } = {}): Promise<OriginServer> {
  let requests: OriginRequest[] = [];
  const tries = new Map<string, number>();
  const mutable = new Map<string, OriginAnswer>();
  const held = new Set<Held>();
  let version = 0;

  const answerFor = (method: string, url: URL, before: number): OriginAnswer | null =>
    url.pathname.startsWith('/mutable/')
      ? (mutable.get(decodeURIComponent(url.pathname.slice('/mutable/'.length))) ?? null)
      : originAnswer(method, url, before);

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = 'GET', url: path = '/' } = request;
    requests.push({ method, path, headers: request.headers, at: new Date() });
    const before = tries.get(`${method} ${path}`) ?? 0;
    tries.set(`${method} ${path}`, before + 1);
    request.resume();
    const holds = method === 'GET' ? [...held].filter((one) => one.path === path) : [];
    for (const hold of holds.filter((one) => one.afterBytes === null)) {
      hold.arrive();
      await hold.opened;
    }
    const answer = answerFor(method, new URL(path, 'http://origin.invalid'), before) ?? statusAnswer(404);
    const midway = holds.find((one) => one.afterBytes !== null);
    const gate: BodyGate | null = midway === undefined ? null : { ...midway, at: midway.afterBytes ?? 0 };
    const { fault = null } = answer;
    await sendAnswer(request, response, answer, {
      fault: fault !== null && method === 'GET' && before < fault.times ? fault : null,
      gate,
    });
  };

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const baseUrl = `http://127.0.0.1:${port}`;

  return {
    baseUrl,
    port,
    url: (path) => baseUrl + path,
    get requests() {
      return requests;
    },
    count: (method, path) =>
      requests.filter(
        (one) => (method === null || one.method === method) && (path === undefined || one.path === path),
      ).length,
    reset: () => {
      requests = [];
      tries.clear();
    },
    set: (name, bytes, headers = {}, speed = undefined) => {
      version += 1;
      const answer = bodyAnswer(fixedBody(bytes), new URLSearchParams(), `"version-${version}"`);
      mutable.set(name, { ...answer, ...speed, headers: { ...answer.headers, ...headers } });
    },
    remove: (name) => void mutable.delete(name),
    hold: (path, { afterBytes } = {}) => {
      const arrived = Promise.withResolvers<void>();
      const opened = Promise.withResolvers<void>();
      const release = (): void => {
        held.delete(one);
        opened.resolve();
      };
      const one: Held = {
        path,
        afterBytes: afterBytes ?? null,
        arrive: arrived.resolve,
        opened: opened.promise,
        release,
      };
      held.add(one);
      return { arrived: arrived.promise, release, [Symbol.dispose]: release };
    },
    bodyOf: (path) => {
      const answer = answerFor('GET', new URL(path, baseUrl), Number.MAX_SAFE_INTEGER);
      if (answer === null) throw new Error(`the origin has nothing at ${path}`);
      return expected(answer.body);
    },
    [Symbol.asyncDispose]: async () => {
      for (const one of held) one.release();
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function expected(body: OriginBody): ExpectedBody {
  return {
    sizeBytes: body.sizeBytes,
    sha256: digestOf(body, 'sha256', 'hex'),
    bytes: () => bytesOf(body),
  };
}
