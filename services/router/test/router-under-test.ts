import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRoutedBucket, type AdminToken, type RouterSettings } from '@cloud-mirror/mirror';
import { createLogger } from '@cloud-mirror/program';
import { ObjectSigner } from '@cloud-mirror/routed-objects';
import type { StorageProvider } from '@cloud-mirror/storage-provider';
import { RouteTable, type Route, type RouteTarget } from '@cloud-mirror/storage-routes';
import { Registry } from 'prom-client';
import { Destinations, Router } from '../src/index.ts';

export const SETTINGS: RouterSettings = {
  host: '127.0.0.1',
  port: 0,
  publicUrl: null,
  sealKey: null,
  signedSeconds: 10,
  readers: 'open',
  writers: 'open',
  routesFile: 'routes.json',
  hosts: ['routes.example'],
  keepAliveSeconds: 75,
  drainSeconds: 30,
  health: null,
} as unknown as RouterSettings;

export const STORE = 'local/here';
export const SIGNING_KEY = Buffer.alloc(32, 3);

export function route(path: string, more: Partial<Route> = {}): Route {
  return {
    path,
    target: { kind: 'store', store: STORE },
    prefix: '',
    signedSeconds: null,
    write: 'always',
    list: false,
    read: null,
    writeTokens: null,
    mirror: null,
    ...more,
  };
}

/** A bucket of a test server, which knows the access key `test` and the secret `test`. */
export function bucketTarget(endpoint: string, bucket: string, secret = 'test'): RouteTarget {
  return {
    kind: 's3',
    bucket,
    credentials: { accessKeyId: 'test', secretAccessKey: secret, sessionToken: null },
    region: 'us-east-1',
    endpoint,
    forcePathStyle: true,
  };
}

export function token(name: string, scopes: readonly string[]): AdminToken {
  return { name, sha256: createHash('sha256').update(`token-${name}`).digest('hex'), scopes } as AdminToken;
}

export interface RouterUnderTest extends AsyncDisposable {
  readonly address: string;
  readonly lines: readonly Record<string, unknown>[];
  fetch(path: string, init?: RequestInit): Promise<Response>;
}

export interface RouterOptions {
  readonly routes?: readonly Route[];
  readonly settings?: Partial<RouterSettings>;
  readonly tokens?: readonly AdminToken[];
  readonly stores?: ReadonlyMap<string, StorageProvider>;
}

export async function startRouter(options: RouterOptions = {}): Promise<RouterUnderTest> {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger({
    level: 'debug',
    program: 'test',
    version: '0',
    destination: { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) },
  });
  const table = new RouteTable(options.routes ?? [route('/')]);
  const destinations = new Destinations({
    stores: options.stores ?? new Map<string, StorageProvider>([[STORE, absentStore()]]),
    openBucket: ({ region, ...target }) =>
      openRoutedBucket({ ...target, region: region ?? 'us-east-1' }, logger),
    folders: () => ({ publicUrl: 'http://mirror.example', signer: new ObjectSigner(SIGNING_KEY) }),
  });
  const router = new Router({
    settings: { ...SETTINGS, ...options.settings },
    tokens: options.tokens ?? [],
    table: () => table,
    destinations,
    administration: (_request, response) => response.writeHead(200).end('administration'),
    logger,
    registry: new Registry(),
  });
  const address = await router.listen();
  return {
    address,
    lines,
    fetch: (path, init) => fetch(address + path, { redirect: 'manual', ...init }),
    async [Symbol.asyncDispose]() {
      await router.drain();
      await destinations[Symbol.asyncDispose]();
    },
  };
}

/** A folder whose objects are never looked at. */
function absentStore(): StorageProvider {
  const fail = (): never => {
    throw new Error('a redirect must not call the store');
  };
  return { head: fail, list: fail, urlFor: fail } as unknown as StorageProvider;
}

export async function temporaryFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'test-router-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export interface Exchange {
  /** Everything that arrived, as Latin-1. */
  readonly text: string;
  /** How the connection ended. */
  readonly end: 'closed' | 'reset' | 'open';
}

/**
 * Sends raw bytes and collects the answer until the server closes the connection, or `until` matches what arrived.
 */
export async function exchange(
  address: string,
  head: string,
  { until, then }: { until?: RegExp; then?: (write: (bytes: string | Buffer) => void) => void } = {},
): Promise<Exchange> {
  const { hostname, port } = new URL(address);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  let text = '';
  let continued = false;
  return new Promise<Exchange>((resolve) => {
    const finish = (end: Exchange['end']): void => {
      socket.destroy();
      resolve({ text, end });
    };
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (until?.test(text) !== true || continued) return;
      continued = true;
      if (then === undefined) finish('open');
      else then((bytes) => void socket.write(bytes));
    });
    socket.on('end', () => finish('closed'));
    socket.on('error', () => finish('reset'));
    socket.write(head);
  });
}
