import { setTimeout as delay } from 'node:timers/promises';
import type { ProxyMode, TcpProxy } from '@cloud-mirror/testing/tcp-proxy';
import { failure } from '@cloud-mirror/testing/s3-rules';
import { QueueMessages } from '../support/queue-messages.ts';
import type { FaultSpan, FaultTarget } from './history.ts';
import type { SeededRandom } from './random.ts';
import { REGIONS, type Member, type World } from './world.ts';

interface Fault {
  readonly target: FaultTarget;
  readonly of: string;
  readonly what: string;
  /** Begins the fault, and resolves when it has ended. */
  readonly run: (lastsMs: number) => Promise<void>;
}

/** Draws random faults one after the other. Two faults of one part never overlap. */
export class FaultPlan {
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #busy = new Set<string>();
  readonly spans: FaultSpan[] = [];

  constructor(world: World, random: SeededRandom) {
    this.#world = world;
    this.#random = random;
  }

  /** Runs faults until `signal` is aborted; resolves when all have ended. */
  async run(signal: AbortSignal): Promise<void> {
    const running = new Set<Promise<void>>();
    while (!signal.aborted) {
      const fault = this.#draw();
      const lastsMs = this.#random.between(200, 5_000);
      const pauseMs = this.#random.between(100, 1_500);
      const part = `${fault.target} ${fault.of}`;
      if (!this.#busy.has(part)) {
        const work = this.#happen(fault, part, lastsMs);
        running.add(work);
        void work.finally(() => running.delete(work));
      }
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    }
    await Promise.all(running);
  }

  async #happen(fault: Fault, part: string, lastsMs: number): Promise<void> {
    this.#busy.add(part);
    const begin = this.#world.now();
    const index = this.spans.length;
    const { target, of, what } = fault;
    this.spans.push({ target, of, what, begin, end: Infinity });
    await fault.run(lastsMs);
    this.spans[index] = { target, of, what, begin, end: this.#world.now() };
    this.#busy.delete(part);
  }

  #draw(): Fault {
    const random = this.#random;
    const draws: readonly (() => Fault)[] = [
      () => this.#link(),
      () => this.#link(),
      () => this.#link(),
      () => this.#killed(random.pick(this.#world.copiers), 'copier'),
      () => this.#frozen(random.pick(this.#world.copiers), 'copier'),
      () => this.#drained(random.pick(this.#world.copiers)),
      () =>
        random.chance(0.4)
          ? this.#killed(random.pick(this.#world.frontends), 'front end')
          : this.#frozen(random.pick(this.#world.frontends), 'front end'),
      () => this.#redis(),
      () => this.#redis(),
      () => this.#store(),
      () => this.#doubled(random.pick(REGIONS)),
    ];
    return random.pick(draws)();
  }

  #link(): Fault {
    const random = this.#random;
    const { rig } = this.#world;
    const target = random.pick(['redis', 'queue', 'store', 'origin'] as const);
    const [of, proxy] = random.pick<readonly [string, TcpProxy]>(
      target === 'origin'
        ? [['everybody', rig.originLink]]
        : [
            ['front ends', rig.frontendLinks[target]],
            ['copiers', rig.copierLinks[target]],
          ],
    );
    const mode = random.pick<ProxyMode>([
      { kind: 'refuse' },
      { kind: 'blackhole' },
      { kind: 'reset' },
      { kind: 'latency', ms: random.whole(50, 800) },
      { kind: 'end-after', how: 'reset', bytes: random.whole(1_000, 4_000_000), direction: 'upstream' },
      { kind: 'end-after', how: 'cut', bytes: random.whole(1_000, 4_000_000), direction: 'downstream' },
    ]);
    // Delayed bytes arrive late, or never.
    const late = random.chance(0.5);
    const what = `${mode.kind}${late ? ', what was sent comes late' : ''}`;
    return {
      target,
      of,
      what,
      run: async (lastsMs) => {
        await proxy.set(mode);
        await delay(lastsMs);
        if (!late) proxy.drop('reset');
        await proxy.set({ kind: 'pass' });
      },
    };
  }

  #killed(member: Member, target: FaultTarget): Fault {
    return {
      target,
      of: member.name,
      what: 'killed',
      run: async (lastsMs) => {
        await member.program.kill();
        await delay(lastsMs);
        member.program = await member.restart();
      },
    };
  }

  #frozen(member: Member, target: FaultTarget): Fault {
    return {
      target,
      of: member.name,
      what: 'frozen',
      run: async (lastsMs) => {
        const { program } = member;
        program.signal('SIGSTOP');
        await delay(lastsMs);
        program.signal('SIGCONT');
      },
    };
  }

  #drained(member: Member): Fault {
    return {
      target: 'copier',
      of: member.name,
      what: 'told to stop',
      run: async (lastsMs) => {
        await member.program.stop();
        await delay(lastsMs / 2);
        member.program = await member.restart();
      },
    };
  }

  #redis(): Fault {
    const world = this.#world;
    const kinds: readonly Fault[] = [
      {
        target: 'redis',
        of: 'server',
        what: 'hung',
        run: async (lastsMs) => {
          const server = world.redis;
          server.signal('SIGSTOP');
          await delay(lastsMs);
          server.signal('SIGCONT');
        },
      },
      {
        target: 'redis',
        of: 'server',
        what: 'flushed',
        run: async () => void (await world.ask(world.redis, (client) => client.flushall())),
      },
      {
        target: 'redis',
        of: 'server',
        what: 'replaced by one that missed the newest',
        run: async (lastsMs) => {
          await world.detach();
          await delay(lastsMs);
          world.failOver();
          await world.follow();
        },
      },
      {
        target: 'redis',
        of: 'server',
        what: 'full',
        run: async (lastsMs) => {
          const server = world.redis;
          await world.ask(server, (client) => client.config('SET', 'maxmemory', '1'));
          await delay(lastsMs);
          await world.ask(server, (client) => client.config('SET', 'maxmemory', '0'));
        },
      },
    ];
    return this.#random.pick(kinds);
  }

  #store(): Fault {
    const random = this.#random;
    const { protocols } = this.#world.rig;
    const [operation, answer] = random.pick([
      ['PutObject', failure(503, 'SlowDown', 'slow down')],
      ['HeadObject', { status: 503, body: '' }],
      ['UploadPart', failure(500, 'InternalError', 'try again')],
      ['CompleteMultipartUpload', { status: 200, body: failure(200, 'InternalError', 'sorry').body }],
      ['DeleteObject', failure(503, 'SlowDown', 'slow down')],
      ['ListObjectsV2', failure(503, 'SlowDown', 'slow down')],
    ] as const);
    return {
      target: 'store',
      of: 'answers',
      what: `${answer.status} to ${operation}`,
      run: async (lastsMs) => {
        protocols.answerNext(operation, answer, random.whole(1, 8));
        await delay(lastsMs / 2);
        protocols.answerAsBefore();
      },
    };
  }

  #doubled(region: string): Fault {
    const { rig } = this.#world;
    const jobs = new QueueMessages(rig.protocols, rig.queue(region));
    return {
      target: 'queue',
      of: region,
      what: 'jobs doubled, some of them late',
      run: async (lastsMs) => {
        for (const body of await jobs.peek()) {
          await jobs.send(body);
          await jobs.send(body, Math.ceil(lastsMs / 1_000));
        }
      },
    };
  }
}
