import { mirroredObject, type Copy, type MirroredObject } from '@cloud-mirror/mirrored-objects';
import { offlineBucket } from '@cloud-mirror/testing/offline-bucket';
import { vi } from 'vitest';
import { FakeCacheManager, fakeBackend } from './fake-cache-manager.ts';
import { base64url, startFrontend } from './frontend-under-test.ts';
import type { FrontendOptions, FrontendUnderTest } from './frontend-under-test.ts';
import { keptRequest, rawRequest, type RawAnswer } from './raw-request.ts';

export const URL_OF_OBJECT = 'https://artifacts.example.com/builds/a%20b.tar.zst?x=1';
export const COPY: Copy = {
  generation: '',
  sizeBytes: 7,
  sha256: 'ab'.repeat(32),
  etag: '"e"',
  storedAt: 0,
  expiresAt: null,
};

/** Knows one copy: by memory, by its entry, or only through `redirect`. */
export class KnowingCacheManager extends FakeCacheManager {
  knows: 'in_memory' | 'by_entry' | 'by_rules' | 'nothing' | 'a_fault' = 'in_memory';
  copy = COPY;
  /** The targets that were parsed. */
  read = 0;
  /** The objects of these targets. */
  readonly objects: MirroredObject[] = [];
  readonly #asked = Promise.withResolvers<void>();
  readonly asked = this.#asked.promise;
  /** Delays the answers of the entry store until it resolves. */
  answered: Promise<void> = Promise.resolve();

  override objectOf(service: string, region: string, url: URL): MirroredObject | null {
    this.read += 1;
    const backend = this.backends.get(`${service}/${region}`);
    if (backend === undefined || url.host === 'refused.example') return null;
    const object = mirroredObject(backend, url.href);
    this.objects.push(object);
    return object;
  }

  override recallHit(): Copy | null {
    if (this.knows === 'a_fault') throw new Error('a fault of this program');
    return this.knows === 'in_memory' ? this.copy : null;
  }

  override async findHit(): Promise<Copy | 'missing' | null> {
    this.#asked.resolve();
    await this.answered;
    if (this.knows === 'a_fault') throw new Error('a fault of this program');
    if (this.knows === 'nothing') return 'missing';
    return this.knows === 'by_entry' ? this.copy : null;
  }
}

export type Knowing = FrontendUnderTest & { readonly manager: KnowingCacheManager };

/** Starts a front end whose cache manager knows one copy. Disposing `opened` stops it. */
export async function startKnowing(
  opened: AsyncDisposableStack,
  access: 'public' | 'signed' = 'public',
  server: FrontendOptions['server'] = {},
): Promise<Knowing> {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  const store = opened.use(offlineBucket(access));
  const manager = new KnowingCacheManager();
  const backend = { ...fakeBackend('s3/us-west-1'), store };
  manager.backends.set(backend.name, backend);
  // `redirect` has the same result.
  manager.decide = async ({ url, method }) =>
    manager.knows === 'nothing'
      ? { kind: 'origin', location: url.href, state: 'pending', reason: 'not_waiting', message: '' }
      : {
          kind: 'present',
          location: await store.urlFor(url.href, method),
          access,
          how: 'hit',
          collapsed: false,
          sha256: manager.copy.sha256,
        };
  const frontend = opened.use(await startFrontend({ cacheManager: manager, backends: [], server }));
  return Object.assign(frontend, { manager });
}

export interface Asked {
  readonly method?: string;
  readonly version?: '1.0' | '1.1';
  readonly target?: string;
  readonly headers?: readonly string[];
}

export const CLOSE = 'Connection: close';
export const TARGET = `/v1/redirect/s3/us-west-1/${base64url(URL_OF_OBJECT)}`;

export function ask(
  { address }: Knowing,
  { method = 'GET', version = '1.1', target = TARGET, headers = ['Host: localhost'] }: Asked = {},
) {
  const bytes = [`${method} ${target} HTTP/${version}`, ...headers, '', ''].join('\r\n');
  return headers.includes(CLOSE) ? rawRequest(address, bytes) : keptRequest(address, bytes);
}

/** The parts of a response that are the same each time. */
export function lasting({ status, headers, body }: RawAnswer) {
  const { date: _date, 'x-request-id': requestId, ...others } = headers;
  return { status, headers: others, body, hasRequestId: requestId !== undefined };
}
