import type { RedirectOutcome, RedirectRequest, StatusReport } from '@cloud-mirror/cache-manager';
import {
  urlSha256,
  type Backend,
  type Copy,
  type MirroredObject,
  type Job,
} from '@cloud-mirror/mirrored-objects';
import type { PurgeResult } from '@cloud-mirror/cache-manager';
import type { JobQueue } from '@cloud-mirror/job-queue';
import { LOCAL_CLOCK, type PubliclyRead, type StorageProvider } from '@cloud-mirror/storage-provider';
import type { FrontendCacheManager } from '../../src/index.ts';

/** Makes the decisions that a test sets, and records requests. For tests of the HTTP layer alone. */
export class FakeCacheManager implements FrontendCacheManager {
  readonly backends = new Map<string, Backend>();
  readonly requests: RedirectRequest[] = [];
  readonly purges: { service: string; region: string; url: string }[] = [];
  waiting = 0;
  decide: (request: RedirectRequest) => Promise<RedirectOutcome> | RedirectOutcome = (request) => ({
    kind: 'present',
    location: `https://copies.example/${urlSha256(request.url.href)}`,
    access: 'public',
    how: 'hit',
    collapsed: false,
    sha256: null,
  });
  purgeError: string | null = null;
  purgeFindsNothing = false;
  flush = (_service?: string, _region?: string): Promise<number> => Promise.resolve(7);

  identify(url: URL): URL {
    return url;
  }

  /** Returns null, so that every request goes to {@link redirect}. */
  objectOf(_service: string, _region: string, _url: URL): MirroredObject | null {
    return null;
  }

  recallHit(_object: MirroredObject): Copy | null {
    return null;
  }

  async findHit(_object: MirroredObject): Promise<Copy | 'missing' | null> {
    return null;
  }

  async redirect(request: RedirectRequest): Promise<RedirectOutcome> {
    this.requests.push(request);
    return this.decide(request);
  }

  async purge(service: string, region: string, url: URL): Promise<PurgeResult[]> {
    this.purges.push({ service, region, url: url.href });
    const purged = [...this.backends.values()].filter(
      (backend) => backend.service === service && (region === 'all' || backend.region === region),
    );
    return purged.map(({ name }) => ({
      backend: name,
      purged: this.purgeError === null,
      error: this.purgeError,
      ...(this.purgeFindsNothing && { found: false as const }),
    }));
  }

  async status(service: string, region: string, url: URL): Promise<StatusReport> {
    return {
      service,
      region,
      url: url.href,
      sha256: urlSha256(url.href),
      entry: null,
      ageSeconds: null,
      leaseSeconds: null,
      generation: '',
      key: url.href,
      object: null,
      redirect: { to: 'wait', location: null, why: 'nothing is known' },
      unavailable: [],
    };
  }
}

type FakeParts = { store?: Partial<StorageProvider & PubliclyRead>; queue?: Partial<JobQueue<Job>> };

/** A back end with the given methods of store and queue. Calling any other method throws a TypeError. */
export function fakeBackend(name: string, { store = {}, queue = {} }: FakeParts = {}): Backend {
  const [service = '', region = ''] = name.split('/');
  return {
    service,
    region,
    name,
    kind: 's3',
    lifespanDays: 1,
    store: ('openNamed' in store
      ? store
      : { access: 'public', clock: LOCAL_CLOCK, check: async () => undefined, ...store }) as StorageProvider,
    queue: { depth: async () => ({ waiting: 1, inFlight: 2, deadLetters: 3 }), ...queue } as JobQueue<Job>,
  };
}
