import { DeleteObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  ADMIN_TOKEN,
  copierConfig,
  distributedConfig,
  merged,
  WEST,
  type ConfigObject,
  type MirrorConfig,
} from '@cloud-mirror/testing/mirror-config';
import { redirectPath } from '@cloud-mirror/testing/mirror';
import { startOriginServer, type OriginServer } from '@cloud-mirror/testing/origin-server';
import {
  COPIER,
  FRONTEND,
  startProgram,
  type Program,
  type StartOptions,
} from '@cloud-mirror/testing/program';
import { startProtocolServer, type ProtocolServer } from '@cloud-mirror/testing/protocol-server';
import { startRedis, type RedisServer } from '@cloud-mirror/testing/redis-server';
import { startTcpProxy, type TcpProxy } from '@cloud-mirror/testing/tcp-proxy';
import { eventually } from '@cloud-mirror/testing/eventually';
import { fetchOnWire, fetchThrough, type WireAnswer, type WireOptions } from '@cloud-mirror/testing/fetch';

/** The proxies between one kind of program and its servers. */
export interface Links extends AsyncDisposable {
  readonly redis: TcpProxy;
  readonly queue: TcpProxy;
  readonly store: TcpProxy;
}

export interface FaultRigOptions {
  /** Merged over the configuration of every program. */
  readonly overrides?: ConfigObject;
  /** Use the default time limits and leases instead of ones that are short enough for tests. */
  readonly defaultTimes?: boolean;
  /** A Redis to use instead of starting one. */
  readonly redis?: RedisServer;
  /** `sentinels` or `cluster` of `entries`, instead of one server behind the proxies. */
  readonly redisTopology?: ConfigObject;
}

type ProgramStart = Pick<StartOptions, 'env' | 'readyMs' | 'under'> & {
  /** Merged over the configuration of this program. */
  readonly overrides?: ConfigObject;
};

/** An access key for a copier whose calls a test has to tell from those of front ends. Its secret is that of the others. */
export const COPIER_KEY = 'a-copier';

/** Longest lease in the rig's configurations, in milliseconds. */
export const LEASE_MS = 2_000;

/**
 * The parts of one mirror, each a separate server, with one TCP proxy in front of it for the front ends and another for
 * the copiers. The test starts the programs; leases are short. Clients read copies without a proxy.
 */
export class FaultRig implements AsyncDisposable {
  readonly origin: OriginServer;
  /** The proxy in front of the origin, for all programs and clients. Every origin address contains its address. */
  readonly originLink: TcpProxy;
  readonly redis: RedisServer;
  readonly protocols: ProtocolServer;
  readonly frontendLinks: Links;
  readonly copierLinks: Links;
  readonly mirror: MirrorConfig;
  readonly #opened: AsyncDisposableStack;
  readonly #redisTopology: ConfigObject | null;
  readonly #programs: { readonly name: string; readonly program: Program }[] = [];

  private constructor(
    parts: Pick<
      FaultRig,
      'origin' | 'originLink' | 'redis' | 'protocols' | 'frontendLinks' | 'copierLinks' | 'mirror'
    >,
    opened: AsyncDisposableStack,
    redisTopology: ConfigObject | null,
  ) {
    this.#redisTopology = redisTopology;
    this.origin = parts.origin;
    this.originLink = parts.originLink;
    this.redis = parts.redis;
    this.protocols = parts.protocols;
    this.frontendLinks = parts.frontendLinks;
    this.copierLinks = parts.copierLinks;
    this.mirror = parts.mirror;
    this.#opened = opened;
  }

  static async start(options: FaultRigOptions = {}): Promise<FaultRig> {
    await using opened = new AsyncDisposableStack();
    const origin = opened.use(await startOriginServer());
    const originLink = opened.use(await startTcpProxy({ host: '127.0.0.1', port: origin.port }));
    const redis = options.redis ?? opened.use(await startRedis());
    const protocols = opened.use(
      await startProtocolServer({ strict: true, secrets: { [COPIER_KEY]: 'test' } }),
    );
    const frontendLinks = opened.use(await openLinks(redis.port, protocols.port));
    const copierLinks = opened.use(await openLinks(redis.port, protocols.port));
    const base = await distributedConfig(serversBy(frontendLinks, protocols), {
      origins: [addressOf(originLink)],
      overrides: options.defaultTimes === true ? {} : SHORT_TIMES,
    });
    const mirror = { ...base, config: merged(readDirectly(base, protocols), options.overrides ?? {}) };
    const parts = { origin, originLink, redis, protocols, frontendLinks, copierLinks, mirror };
    return new FaultRig(parts, opened.move(), options.redisTopology ?? null);
  }

  get everyLink(): readonly Links[] {
    return [this.frontendLinks, this.copierLinks];
  }

  /** Name of the bucket of a region. */
  bucket(region = WEST): string {
    return `${this.mirror.name}-${region}`;
  }

  /** Name of the queue of a region. */
  queue(region = WEST): string {
    return `${this.mirror.name}-s3-${region}`;
  }

  /** The origin's address of `path`, as clients name it. */
  originUrl(path: string): string {
    return addressOf(this.originLink) + path;
  }

  /** Deletes the copy at an address behind the mirror's back, as an owner of the bucket can. */
  async deleteCopy(address: string): Promise<void> {
    const { endpoint, region, accessKeyId, secretAccessKey } = this.protocols;
    const credentials = { accessKeyId, secretAccessKey };
    const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
    const [, bucket = '', ...key] = new URL(address).pathname.split('/');
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: decodeURIComponent(key.join('/')) }));
    client.destroy();
  }

  /** Starts a front end; the rig ends it. */
  async startFrontend(options: ProgramStart = {}): Promise<Program> {
    const { overrides = {}, ...start } = options;
    const config = merged(this.#connected(this.mirror.config), overrides);
    return this.#run('front end', await startProgram(FRONTEND, { config, ...start }));
  }

  /** Starts a copier of one region; the rig ends it. */
  async startCopier(options: ProgramStart & { readonly region?: string } = {}): Promise<Program> {
    const { overrides = {}, region = WEST, ...start } = options;
    const linked = { ...this.mirror, config: linkedBy(this.mirror, this.copierLinks) };
    const config = merged(this.#connected(copierConfig(linked, region)), overrides);
    return this.#run('copier', await startProgram(COPIER, { config, ...start }));
  }

  #connected(config: ConfigObject): ConfigObject {
    if (this.#redisTopology === null) return config;
    const { url: _one, ...entries } = config['entries'] as ConfigObject;
    return { ...config, entries: { ...entries, ...this.#redisTopology } };
  }

  #run(name: string, program: Program): Program {
    this.#programs.push({ name, program });
    return this.#opened.use(program);
  }

  /** The last log lines of every program that the rig has started, for the report of a failed test. */
  lastLines(count = 25): string {
    return this.#programs
      .map(({ name, program }) => {
        const lines = program.logs.slice(-count).map((line) => JSON.stringify(line).slice(0, 500));
        return [`${name} ${program.pid}:`, ...lines].join('\n  ');
      })
      .join('\n');
  }

  redirectUrl(frontend: Program, path: string, region = WEST): string {
    return frontend.url(redirectPath('s3', region, this.originUrl(path)));
  }

  /** One request of a client, without following redirects. */
  ask(frontend: Program, path: string, options: WireOptions & { region?: string } = {}): Promise<WireAnswer> {
    return fetchOnWire(this.redirectUrl(frontend, path, options.region), options);
  }

  /** A redirect that came within its wait plus one second, as every answer must, whatever the faults are. */
  async askTimely(frontend: Program, path: string, waitSeconds = 2): Promise<WireAnswer> {
    const begun = performance.now();
    const answer = await this.ask(frontend, path, { headers: { prefer: `wait=${waitSeconds}` } });
    const took = performance.now() - begun;
    if (took > (waitSeconds + 1) * 1000)
      throw new Error(`an answer that was due within ${waitSeconds} s took ${Math.round(took)} ms`);
    if (answer.status !== 302) throw new Error(`expected a redirect, got ${answer.status}: ${answer.text}`);
    return answer;
  }

  /** The bytes of the copy, as soon as there is one. */
  async copyOf(frontend: Program, path: string): Promise<Buffer> {
    return eventually(async () => {
      const { artifact, location } = await fetchThrough(this.redirectUrl(frontend, path));
      return location.startsWith(this.originUrl('/')) ? null : artifact.bytes;
    });
  }

  /** Whether an answer redirects to a copy. */
  leadsToCopy(answer: WireAnswer): boolean {
    return answer.headers['location']?.startsWith(`${this.protocols.endpoint}/`) ?? false;
  }

  /** How many jobs for `path` ended with an outcome on a worker. Logs have no query, so the query of `path` is ignored. */
  outcomes(worker: Program, path: string, outcome: string): number {
    const { host, pathname } = new URL(this.originUrl(path));
    const ended = worker.logs.filter((line) => line['origin'] === host + pathname);
    return ended.filter((line) => line['outcome'] === outcome).length;
  }

  /** An operator's call about one object. */
  operate(
    frontend: Program,
    call: 'status' | 'purge',
    path: string,
    region: string = WEST,
  ): Promise<WireAnswer> {
    const url = this.redirectUrl(frontend, path, region).replace('/v1/redirect/', `/v1/${call}/`);
    return fetchOnWire(url, { method: call === 'purge' ? 'DELETE' : 'GET', headers: OPERATOR });
  }

  /**
   * The object's entry as an operator sees it; `null` if there is none.
   * @throws {Error} if the entry store does not answer
   */
  async entry(frontend: Program, path: string): Promise<Readonly<Record<string, unknown>> | null> {
    const report = (await this.operate(frontend, 'status', path)).json();
    const unavailable = report['unavailable'] as readonly { readonly part: string }[];
    if (unavailable.some(({ part }) => part === 'entries'))
      throw new Error('the entry store does not answer');
    return report['entry'] as Readonly<Record<string, unknown>> | null;
  }

  /** Keys in the bucket of a region, without those of purge markers. */
  async keys(region = WEST): Promise<readonly string[]> {
    const listing = await fetchOnWire(
      `${this.protocols.endpoint}/${this.bucket(region)}?list-type=2&encoding-type=url`,
    );
    const keys = [...listing.text.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = '']) => decoded(key));
    return keys.filter((key) => !key.startsWith('purged/'));
  }

  /** How many objects in the bucket belong to the origin address of `path`, in any generation. */
  async copies(path: string, region = WEST): Promise<number> {
    return (await this.keys(region)).filter((key) => key.endsWith(this.originUrl(path))).length;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.disposeAsync();
  }
}

export const OPERATOR: Readonly<Record<string, string>> = { authorization: `Bearer ${ADMIN_TOKEN}` };

/** Time limits that are short enough for tests. */
const SHORT_TIMES: ConfigObject = {
  server: { maxWaitSeconds: 8 },
  sources: {
    timeouts: {
      connectSeconds: 1,
      firstByteSeconds: 1,
      totalSeconds: 30,
      minimumBytesPerSecond: 20_000,
    },
  },
  entries: {
    copyingLeaseSeconds: LEASE_MS / 1000,
    errorSeconds: { first: 1, longest: 1 },
    originAnswerSeconds: 1,
  },
  queue: { visibilityTimeoutSeconds: LEASE_MS / 1000, requestTimeoutMs: 1_000 },
  services: { s3: { requestTimeoutMs: 1_500, partBytes: 5 * 1024 ** 2 } },
};

async function openLinks(redisPort: number, protocolPort: number): Promise<Links> {
  await using opened = new AsyncDisposableStack();
  const to = async (port: number): Promise<TcpProxy> =>
    opened.use(await startTcpProxy({ host: '127.0.0.1', port }));
  const links = { redis: await to(redisPort), queue: await to(protocolPort), store: await to(protocolPort) };
  const running = opened.move();
  return { ...links, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

function serversBy(links: Links, protocols: ProtocolServer) {
  return {
    redisUrl: addressOf(links.redis, 'redis'),
    sqsEndpoint: addressOf(links.queue),
    sqsRegion: protocols.region,
    s3: {
      endpoint: addressOf(links.store),
      region: protocols.region,
      accessKeyId: protocols.accessKeyId,
      secretAccessKey: protocols.secretAccessKey,
      given: false,
    },
  };
}

/** Gives copies addresses that bypass the proxies. */
function readDirectly(mirror: MirrorConfig, protocols: ProtocolServer): ConfigObject {
  const regions = mirror.regions.map((region) => [
    region,
    { publicUrl: `${protocols.endpoint}/${mirror.name}-${region}` },
  ]);
  return merged(mirror.config, {
    services: { s3: { regions: Object.fromEntries(regions) as ConfigObject } },
  });
}

/** The same mirror with other proxies to its parts. */
export function linkedBy(mirror: MirrorConfig, links: Links): ConfigObject {
  const regions = mirror.regions.map((region) => [region, { endpoint: addressOf(links.store) }]);
  return merged(mirror.config, {
    entries: { url: addressOf(links.redis, 'redis') },
    queue: { endpoint: addressOf(links.queue) },
    services: { s3: { regions: Object.fromEntries(regions) as ConfigObject } },
  });
}

export function addressOf({ host, port }: { host: string; port: number }, scheme = 'http'): string {
  return `${scheme}://${host}:${port}`;
}

let seed = 0;

/** An origin path that no other test of the file has used, even without its query. */
export function fresh(template: string): string {
  const [path = '', query = ''] = template.split('?');
  return `${path}/${++seed}?${query}${query === '' ? '' : '&'}seed=${seed}`;
}

function decoded(key: string): string {
  return decodeURIComponent(key.replaceAll('+', ' ').replaceAll('&amp;', '&'));
}
