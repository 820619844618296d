import { Redis } from 'ioredis';
import type { Program } from '@cloud-mirror/testing/program';
import { startRedis, type RedisServer } from '@cloud-mirror/testing/redis-server';
import type { TcpProxy } from '@cloud-mirror/testing/tcp-proxy';
import { FaultRig } from '../support/fault-rig.ts';

export type LinkedPart = 'redis' | 'queue' | 'store' | 'origin';

/** A whole mirror of one region with default time limits, into which faults are injected. */
export class FaultyMirror implements AsyncDisposable {
  readonly rig: FaultRig;
  readonly #frontends: Program[];
  readonly #opened: AsyncDisposableStack;
  #copier: Program;
  #redis: RedisServer;

  private constructor(
    rig: FaultRig,
    programs: { frontends: Program[]; copier: Program },
    redis: RedisServer,
    opened: AsyncDisposableStack,
  ) {
    this.rig = rig;
    this.#frontends = programs.frontends;
    this.#copier = programs.copier;
    this.#redis = redis;
    this.#opened = opened;
  }

  static async open(): Promise<FaultyMirror> {
    await using opened = new AsyncDisposableStack();
    const redis = await startRedis();
    const mirror: { current: FaultyMirror | null } = { current: null };
    opened.defer(() => (mirror.current?.redis ?? redis).stop());
    const rig = opened.use(await FaultRig.start({ redis, defaultTimes: true }));
    const [first, second, copier] = await Promise.all([
      rig.startFrontend(),
      rig.startFrontend({ overrides: { server: { port: 0 } } }),
      rig.startCopier(),
    ]);
    const programs = { frontends: [first, second], copier };
    mirror.current = new FaultyMirror(rig, programs, redis, opened.move());
    return mirror.current;
  }

  get frontends(): readonly Program[] {
    return this.#frontends;
  }

  get copier(): Program {
    return this.#copier;
  }

  get redis(): RedisServer {
    return this.#redis;
  }

  /** All proxies to a part: the front ends' and the copiers'. */
  linksTo(part: LinkedPart): readonly TcpProxy[] {
    if (part === 'origin') return [this.rig.originLink];
    return this.rig.everyLink.map((links) => links[part]);
  }

  /** Replaces Redis by an empty server. */
  async replaceRedis(): Promise<void> {
    this.#redis.signal('SIGKILL');
    await this.#redis.exit;
    await this.#redis.stop();
    this.#redis = await startRedis({ port: this.#redis.port });
  }

  async askRedis(command: (client: Redis) => Promise<unknown>): Promise<void> {
    const client = new Redis(this.#redis.url);
    client.on('error', () => undefined);
    try {
      await command(client);
    } finally {
      client.disconnect();
    }
  }

  /** Restarts the first front end at the same address. */
  async restartFrontend(): Promise<void> {
    this.#frontends[0] = await this.rig.startFrontend();
  }

  async restartCopier(): Promise<void> {
    this.#copier = await this.rig.startCopier();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.disposeAsync();
  }
}
