import { Redis } from 'ioredis';
import { eventually } from '@cloud-mirror/testing/eventually';
import { EAST, WEST } from '@cloud-mirror/testing/mirror-config';
import type { Program } from '@cloud-mirror/testing/program';
import { startRedis, type RedisServer } from '@cloud-mirror/testing/redis-server';
import { COPIER_KEY, FaultRig, LEASE_MS } from '../support/fault-rig.ts';
import { artifactBytes } from './artifact.ts';
import type { Version } from './history.ts';
import type { SeededRandom } from './random.ts';

export const REGIONS: readonly string[] = [WEST, EAST];
/** Concurrent copies of one worker. */
export const CONCURRENCY = 4;
/** Lease of a waiting job, the longest of a pending entry. It exceeds the time for recovery, so recovery cannot depend on its end. */
export const QUEUED_LEASE_SECONDS = 300;

const LARGE_BYTES = 6 * 1024 ** 2;

/** A program that is killed and restarted under the same name. */
export interface Member {
  readonly name: string;
  program: Program;
  readonly restart: () => Promise<Program>;
}

/** Two front ends, three copiers, two regions, and all servers and proxies between them. */
export class World implements AsyncDisposable {
  readonly rig: FaultRig;
  readonly frontends: readonly Member[];
  readonly copiers: readonly Member[];
  readonly objects: readonly string[];
  readonly versions: Version[] = [];
  readonly #sizes = new Map<string, number>();
  readonly #begun = performance.now();
  readonly #opened: AsyncDisposableStack;
  readonly #random: SeededRandom;
  #primary: RedisServer;
  #spare: RedisServer;

  private constructor(
    rig: FaultRig,
    members: { frontends: readonly Member[]; copiers: readonly Member[] },
    servers: { primary: RedisServer; spare: RedisServer },
    opened: AsyncDisposableStack,
    random: SeededRandom,
  ) {
    this.rig = rig;
    this.frontends = members.frontends;
    this.copiers = members.copiers;
    this.#primary = servers.primary;
    this.#spare = servers.spare;
    this.#opened = opened;
    this.#random = random;
    this.objects = Array.from({ length: 12 }, (_, index) => `object-${index}`);
    for (const [index, object] of this.objects.entries()) {
      this.#sizes.set(object, index < 2 ? LARGE_BYTES + index : random.whole(100, 200_000));
      this.publish(object);
    }
  }

  static async open(random: SeededRandom): Promise<World> {
    await using opened = new AsyncDisposableStack();
    const primary = opened.use(await startRedis());
    const spare = opened.use(await startRedis());
    const rig = opened.use(
      await FaultRig.start({
        redis: primary,
        overrides: {
          entries: { queuedLeaseSeconds: QUEUED_LEASE_SECONDS },
          copier: { concurrency: CONCURRENCY, graceSeconds: 2 },
          queue: { maxReceiveCount: 10 },
        },
      }),
    );
    const member = async (name: string, start: () => Promise<Program>): Promise<Member> => ({
      name,
      program: await start(),
      restart: start,
    });
    const env = { AWS_ACCESS_KEY_ID: COPIER_KEY };
    const copier = (name: string, region: string): Promise<Member> =>
      member(name, () => rig.startCopier({ env, region }));
    const [first, second, ...copiers] = await Promise.all([
      member('front end 1', () => rig.startFrontend({ overrides: { server: { port: 0 } } })),
      member('front end 2', () => rig.startFrontend({ overrides: { server: { port: 0 } } })),
      copier('copier 1', WEST),
      copier('copier 2', WEST),
      copier('copier 3', EAST),
    ]);
    const world = new World(
      rig,
      { frontends: [first, second], copiers },
      { primary, spare },
      opened.move(),
      random,
    );
    await world.follow();
    return world;
  }

  /** Milliseconds since the run began. */
  now(): number {
    return performance.now() - this.#begun;
  }

  get redis(): RedisServer {
    return this.#primary;
  }

  pathOf(object: string): string {
    return `/mutable/${object}`;
  }

  /** Publishes a new version of an object at its origin. @returns the version's number */
  publish(object: string): number {
    const before = this.versions.findLastIndex((one) => one.object === object);
    const former = this.versions[before];
    const version = (former?.version ?? 0) + 1;
    const now = this.now();
    if (former !== undefined) this.versions[before] = { ...former, end: now };
    this.versions.push({ object, version, begin: now, end: Infinity });
    const sizeBytes = this.#sizes.get(object) ?? 100;
    // Copies take long enough for a fault to interrupt them.
    const bytesPerSecond = Math.max(30_000, Math.round(sizeBytes / this.#random.between(0.1, 2)));
    this.rig.origin.set(object, artifactBytes(object, version, sizeBytes), {}, { bytesPerSecond });
    return version;
  }

  /** Makes the spare Redis a replica of the primary. */
  async follow(): Promise<void> {
    await this.ask(this.#spare, (client) =>
      client.call('REPLICAOF', '127.0.0.1', String(this.#primary.port)),
    );
  }

  /** Stops the replication to the spare. */
  async detach(): Promise<void> {
    await this.ask(this.#spare, (client) => client.call('REPLICAOF', 'NO', 'ONE'));
  }

  /** Redirects every connection to the spare, which has only the writes from before it was detached. */
  failOver(): void {
    [this.#primary, this.#spare] = [this.#spare, this.#primary];
    for (const { redis } of this.rig.everyLink) {
      redis.retarget({ host: '127.0.0.1', port: this.#primary.port });
      redis.drop('reset');
    }
  }

  async ask<T>(server: RedisServer, command: (client: Redis) => Promise<T>): Promise<T> {
    const client = new Redis(server.url, { commandTimeout: 2_000 });
    client.on('error', () => undefined);
    try {
      return await eventually(async () => ({ answer: await command(client) })).then(({ answer }) => answer);
    } finally {
      client.disconnect();
    }
  }

  /** Pending entries with their remaining time in Redis. */
  async pendingEntries(): Promise<{ key: string; leftMs: number }[]> {
    return this.ask(this.#primary, async (client) => {
      // Entries end with the digest of their URL; the registry keeps its keys beside them.
      const keys = (await client.keys('{*')).filter((key) => /:[0-9a-f]{64}(-hashed)?\}$/.test(key));
      const found: { key: string; leftMs: number }[] = [];
      for (const key of keys) {
        const [text, leftMs] = [await client.get(key), await client.pttl(key)];
        // -2: it has expired since it was listed.
        if (text?.includes('"pending"') && leftMs !== -2) found.push({ key, leftMs });
      }
      return found;
    });
  }

  get longestLeaseMs(): number {
    return Math.max(LEASE_MS, QUEUED_LEASE_SECONDS * 1_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync();
  }
}
