import { createHash } from 'node:crypto';
import type { Backend } from '@cloud-mirror/mirrored-objects';
import { createLogger } from '@cloud-mirror/program';
import type { AdminToken, Config } from '@cloud-mirror/mirror';
import { DEFAULT_SOURCE_OPTIONS, type SourcePolicy } from '@cloud-mirror/origin';
import { Registry } from 'prom-client';
import { createFrontend } from '../../src/index.ts';
import type { Frontend, FrontendParts } from '../../src/index.ts';
import { fakeBackend, FakeCacheManager } from './fake-cache-manager.ts';

export type LogLine = Record<string, unknown>;

export interface FrontendUnderTest extends AsyncDisposable {
  readonly address: string;
  readonly frontend: Frontend;
  readonly cacheManager: FakeCacheManager;
  readonly log: LogLine[];
  fetch(path: string, init?: RequestInit): Promise<Response>;
}

export interface FrontendOptions {
  readonly server?: Partial<Config['server']>;
  readonly tokens?: readonly AdminToken[];
  readonly backends?: readonly Backend[];
  readonly policy?: SourcePolicy;
  readonly entries?: FrontendParts['entries'];
  readonly cacheManager?: FrontendParts['cacheManager'];
  readonly logLevel?: string;
  readonly objectSigner?: FrontendParts['objectSigner'];
}

export const SERVER: Config['server'] = {
  host: '127.0.0.1',
  port: 0,
  publicUrl: 'https://mirror.example',
  hosts: [],
  trustedProxies: [],
  maxWaitSeconds: 12,
  maxWaiting: 100,
  maxUrlBytes: 3000,
  rememberedBytes: 64 * 1024 * 1024,
  redirectMaxAgeSeconds: 0,
  keepAliveSeconds: 75,
  drainSeconds: 30,
  rateLimit: null,
};

export const TOKENS = { all: 'token-of-oncall', readOnly: 'token-of-a-reader' } as const;

export const OPERATORS: readonly AdminToken[] = [
  { name: 'oncall', sha256: sha256(TOKENS.all), scopes: ['read', 'purge', 'flush', 'queue'] },
  { name: 'reader', sha256: sha256(TOKENS.readOnly), scopes: ['read'] },
];

/** Starts a front end on a free TCP port, by default with a {@link FakeCacheManager}. */
export async function startFrontend(options: FrontendOptions = {}): Promise<FrontendUnderTest> {
  const cacheManager = new FakeCacheManager();
  for (const backend of options.backends ?? [fakeBackend('s3/us-west-1'), fakeBackend('s3/eu-west-1')])
    cacheManager.backends.set(backend.name, backend);
  const log: LogLine[] = [];
  const logger = createLogger({
    level: options.logLevel ?? 'debug',
    program: 'test',
    version: '0',
    destination: { write: (line: string) => log.push(JSON.parse(line) as LogLine) },
  });
  const frontend = createFrontend({
    config: {
      server: { ...SERVER, ...options.server },
      admin: { tokens: [...(options.tokens ?? OPERATORS)] },
    },
    cacheManager: options.cacheManager ?? cacheManager,
    entries: options.entries ?? { check: async () => undefined },
    policy: options.policy ?? {
      decide: (url) => ({
        allowed: true,
        url,
        rule: 0,
        privateAddresses: false,
        options: DEFAULT_SOURCE_OPTIONS,
      }),
      identify: (url) => url,
    },
    logger,
    registry: new Registry(),
    ...(options.objectSigner === undefined ? {} : { objectSigner: options.objectSigner }),
  });
  const address = await frontend.listen();
  return {
    address,
    frontend,
    cacheManager,
    log,
    fetch: (path, init) => fetch(address + path, { redirect: 'manual', ...init }),
    [Symbol.asyncDispose]: () => frontend.drain(),
  };
}

export const ORIGIN_URL = 'https://artifacts.example.com/builds/1/app.tar.gz';

export function base64url(url: string): string {
  return Buffer.from(url).toString('base64url');
}

export function redirectPath(url: string, backend = 's3/us-west-1'): string {
  return `/v1/redirect/${backend}/${base64url(url)}`;
}

export function bearer(token: string): RequestInit {
  return { headers: { Authorization: `Bearer ${token}` } };
}

export async function json(response: Response): Promise<Record<string, unknown>> {
  return (await response.json()) as Record<string, unknown>;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
