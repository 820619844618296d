import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { clientNetworkReader, requestIdOf } from '@cloud-mirror/http-service';
import type { OperatorToken } from '@cloud-mirror/http-service';
import { auditAmongLog, createLogger } from '@cloud-mirror/program';
import { FolderStateStore, LastGoodFiles, LiveDocument, NoWakeUps, Sealer } from '@cloud-mirror/state-store';
import type { StateStore } from '@cloud-mirror/state-store';
import {
  LiveRoutes,
  MAX_ROUTES_BYTES,
  NO_ROUTES,
  parseStoredRoutes,
  ROUTES_DOCUMENT,
  serializeRoutes,
} from '@cloud-mirror/storage-routes';
import { createAdministration } from '../src/administration/administration.ts';
import type { RouterInstance } from '../src/administration/endpoints-line.ts';
import { RoutesAuth } from '../src/administration/routes-auth.ts';

export interface AdministrationOptions {
  readonly tokens?: readonly OperatorToken<string>[];
  readonly isLoopback?: boolean;
  /** Default: one key; null for none. */
  readonly sealKeys?: readonly Buffer[] | null;
  readonly stores?: readonly string[];
  readonly instances?: readonly RouterInstance[];
  readonly publicUrl?: string;
  readonly faults?: ReadonlyMap<string, string>;
  /** A folder of an earlier administration, to start again or to run a second one. */
  readonly folder?: string;
}

export interface AdministrationUnderTest extends AsyncDisposable {
  readonly url: string;
  readonly routes: LiveRoutes;
  readonly folder: string;
  readonly store: StateStore;
  /** The log, line by line. */
  readonly lines: readonly Record<string, unknown>[];
  logText(): string;
  fetch(init?: RequestInit & { readonly path?: string }): Promise<Response>;
}

export const KEY = Buffer.alloc(32, 7);

/** An administration on a port of its own, over a real folder of documents. */
export async function startAdministration(
  options: AdministrationOptions = {},
): Promise<AdministrationUnderTest> {
  await using opened = new AsyncDisposableStack();
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'test-administration-')));
  if (options.folder === undefined) opened.defer(() => rm(folder, { recursive: true, force: true }));
  let text = '';
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  const logger = createLogger({ level: 'info', program: 'test', version: '0', destination });
  const sealKeys = options.sealKeys === undefined ? [KEY] : options.sealKeys;
  const sealer = sealKeys === null ? null : new Sealer(sealKeys);
  const store = new FolderStateStore(join(folder, 'state'));
  await store.check().catch(() => undefined);
  const document = opened.use(
    await LiveDocument.open({
      name: ROUTES_DOCUMENT,
      store,
      lastGood: new LastGoodFiles(join(folder, 'last-good')),
      wakeUps: new NoWakeUps(),
      empty: NO_ROUTES,
      maxBytes: MAX_ROUTES_BYTES,
      parse: (value) => parseStoredRoutes(value, sealer),
      serialize: (value) => serializeRoutes(value, sealer),
      onDegraded: () => undefined,
    }),
  );
  const stores = options.stores ?? ['local/here'];
  const rules = { isStore: (name: string) => stores.includes(name), stores };
  const routes = new LiveRoutes({ document, sealer, rules });
  const administration = createAdministration({
    routes,
    rules,
    auth: new RoutesAuth({ tokens: options.tokens ?? [], isLoopback: options.isLoopback ?? true }),
    audit: auditAmongLog(logger),
    logger,
    clientOf: clientNetworkReader([]),
    publicUrl: options.publicUrl ?? null,
    isDraining: () => false,
    instances: () => options.instances ?? [],
    servicePort: 9000,
    checkRoutes: async () => options.faults ?? new Map<string, string>(),
  });
  const server = createServer((request, response) =>
    administration(request, response, {
      requestId: requestIdOf(undefined),
      arrivedAtMs: performance.now(),
      record: { route: 'administration' },
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.defer(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const resources = opened.move();
  return {
    url,
    routes,
    folder,
    store,
    get lines() {
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    logText: () => text,
    fetch: ({ path = '', ...init } = {}) => fetch(url + path, { redirect: 'manual', ...init }),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
