import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '@cloud-mirror/testing/eventually';
import { fetchOnWire } from '@cloud-mirror/testing/fetch';
import type { Program } from '@cloud-mirror/testing/program';
import { LagMeter } from '../history/lag-meter.ts';
import { fresh } from '../support/fault-rig.ts';
import type { FaultyMirror } from './faulty-mirror.ts';
import type { SingleFault } from './single-faults.ts';

/** The effects of one fault. Times are in milliseconds since its end. */
export interface Recovery {
  readonly fault: string;
  readonly lastedMs: number;
  /** Number of answers during the fault, by target. */
  readonly toCopy: number;
  readonly toOrigin: number;
  /** How long after its wait the slowest answer came, in milliseconds. */
  readonly slowestMs: number;
  /** Until known objects were hits again, in every front end. */
  readonly knownMs: number;
  /** Until a new object was mirrored and clients were redirected to its copy. */
  readonly newMs: number;
  /**
   * Until all objects requested during the fault, and the one under way when it began, were mirrored; or, if longer, the
   * time for an object requested in the seconds after it.
   */
  readonly everyMs: number;
  /** Broken promises, one sentence each. */
  readonly broken: readonly string[];
}

/** Time after a fault within which every object must be served from its region, in milliseconds. */
const PROMISED_MS = 60_000;
const GIVE_UP_MS = 90_000;
/** Time that an answer may take beyond its wait, in milliseconds. */
const GRACE_MS = 1_000;
const CLIENTS = 8;
const WAITS_SECONDS = [0, 1, 3];
const NEW_DURING_FAULT = 24;
/** An object of two upload parts that takes three seconds to copy, so that its copy is under way when the fault begins. */
const UNDER_WAY = '/slow/12000000?bps=4000000';
const HITS_IN_A_ROW = 5;
/** Objects requested some seconds after a fault show its delayed effects. */
const NEW_AFTERWARDS = 16;
const NEW_EVERY_MS = 250;

/** Injects one fault into a healthy mirror while clients send requests, removes it, and measures the recovery. */
export async function measureRecovery(
  mirror: FaultyMirror,
  fault: SingleFault,
  lastsMs: number,
): Promise<Recovery> {
  const known = fresh('/bytes/20000');
  const underWay = fresh(UNDER_WAY);
  await settled(mirror, known);
  await mirror.rig.ask(anyFrontend(mirror), underWay, { headers: { prefer: 'wait=0' } });
  await eventually(() => mirror.rig.origin.count('GET', underWay) > 0);
  await delay(500);

  using clients = new Clients(mirror, known);
  const begun = performance.now();
  clients.start(fault.withoutFirstFrontend === true ? mirror.frontends.slice(1) : mirror.frontends);
  await fault.begin(mirror);
  await delay(lastsMs);
  const during = clients.counts();
  await fault.end(mirror);
  const over = performance.now();

  const since = async (work: Promise<boolean>, from = over): Promise<number> =>
    (await work) ? performance.now() - from : Infinity;
  const later = Array.from({ length: NEW_AFTERWARDS }, () => fresh('/bytes/30000'));
  const [knownMs, newMs, ...everyMs] = await Promise.all([
    since(all(mirror.frontends.map((frontend) => clients.isHitAgain(frontend)))),
    ...later.map(async (path, index) => {
      await delay(index * NEW_EVERY_MS);
      return since(clients.isMirrored(path), performance.now());
    }),
    ...[underWay, ...clients.asked].map((path) => since(clients.isMirrored(path))),
  ]);
  await clients.stop();
  const times = { known: knownMs, new: newMs ?? Infinity, every: Math.max(...everyMs) };
  const slow = Object.entries(times).filter(([, ms]) => ms > PROMISED_MS);
  return {
    fault: fault.name,
    lastedMs: over - begun,
    ...during,
    slowestMs: clients.slowestMs,
    knownMs: times.known,
    newMs: times.new,
    everyMs: times.every,
    broken: [
      ...clients.broken,
      ...slow.map(([what]) => `${what}: not served from its region within ${PROMISED_MS} ms`),
      ...(await wrongBytes(mirror, [...later, underWay])),
    ],
  };
}

/** Waits until no effect of an earlier fault remains: every part answers, known objects are hits, new ones get a copy. */
async function settled(mirror: FaultyMirror, known: string): Promise<void> {
  for (const frontend of mirror.frontends) {
    await eventually(
      async () => {
        const ready = (await fetchOnWire(frontend.url('/readyz'))).json();
        const answer = await mirror.rig.ask(frontend, known);
        const hit = isHit(mirror, answer);
        if (ready['status'] === 'ready' && hit) return true;
        throw new Error(`${JSON.stringify(ready)}, ${answer.headers['cache-status'] ?? answer.text}`);
      },
      { timeoutMs: GIVE_UP_MS },
    );
  }
}

async function wrongBytes(mirror: FaultyMirror, paths: readonly string[]): Promise<readonly string[]> {
  const broken: string[] = [];
  for (const path of paths) {
    const answer = await mirror.rig.ask(anyFrontend(mirror), path);
    if (!mirror.rig.leadsToCopy(answer)) continue;
    const { bytes } = await fetchOnWire(answer.headers['location'] ?? '');
    if (!bytes.equals(mirror.rig.origin.bodyOf(path).bytes())) broken.push(`wrong bytes of ${path}`);
  }
  return broken;
}

function anyFrontend({ frontends }: FaultyMirror): Program {
  const last = frontends.at(-1);
  if (last === undefined) throw new TypeError('the mirror has front ends');
  return last;
}

type Answer = Awaited<ReturnType<FaultyMirror['rig']['ask']>>;

function isHit({ rig }: FaultyMirror, answer: Answer): boolean {
  return rig.leadsToCopy(answer) && answer.headers['cache-status'] === 'cloud-mirror; hit';
}

async function all(works: readonly Promise<boolean>[]): Promise<boolean> {
  return (await Promise.all(works)).every(Boolean);
}

/** Clients that continually request known and new objects, and check every answer against its wait. */
class Clients implements Disposable {
  readonly #mirror: FaultyMirror;
  readonly #known: string;
  readonly #lag = new LagMeter(() => performance.now());
  readonly #stop = new AbortController();
  /** Objects that were never requested before. */
  readonly asked: string[] = [];
  readonly broken: string[] = [];
  slowestMs = 0;
  #toCopy = 0;
  #toOrigin = 0;
  #running: Promise<unknown> = Promise.resolve();

  constructor(mirror: FaultyMirror, known: string) {
    this.#mirror = mirror;
    this.#known = known;
  }

  start(frontends: readonly Program[]): void {
    const clients = Array.from({ length: CLIENTS }, (_, index) => this.#run(frontends, index));
    this.#running = Promise.all(clients);
  }

  counts(): { readonly toCopy: number; readonly toOrigin: number } {
    return { toCopy: this.#toCopy, toOrigin: this.#toOrigin };
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Waits until `frontend` answers known objects with hits, several times in a row. @returns whether it does */
  async isHitAgain(frontend: Program): Promise<boolean> {
    let inARow = 0;
    return this.#until(async () => {
      const answer = await this.#ask(frontend, this.#known, 1);
      inARow = answer !== null && isHit(this.#mirror, answer) ? inARow + 1 : 0;
      return inARow === HITS_IN_A_ROW;
    });
  }

  /** Waits until clients are redirected to the copy of `path`. @returns whether they are */
  isMirrored(path: string): Promise<boolean> {
    return this.#until(async () => {
      const answer = await this.#ask(anyFrontend(this.#mirror), path, 3);
      return answer !== null && this.#mirror.rig.leadsToCopy(answer);
    });
  }

  async #until(holds: () => Promise<boolean>): Promise<boolean> {
    const until = performance.now() + GIVE_UP_MS;
    while (performance.now() < until) {
      if (await holds()) return true;
      await delay(20);
    }
    return false;
  }

  async #run(frontends: readonly Program[], index: number): Promise<void> {
    const { signal } = this.#stop;
    for (let turn = index; !signal.aborted; turn += 1) {
      const frontend = frontends[turn % frontends.length];
      if (frontend === undefined) return;
      const waitSeconds = WAITS_SECONDS[turn % WAITS_SECONDS.length] ?? 0;
      await this.#ask(frontend, this.#nextPath(turn), waitSeconds);
      await delay(50, undefined, { signal }).catch(() => undefined);
    }
  }

  #nextPath(turn: number): string {
    if (turn % 2 === 0) return this.#known;
    if (this.asked.length < NEW_DURING_FAULT) {
      const path = fresh('/bytes/10000');
      this.asked.push(path);
      return path;
    }
    return this.asked[turn % this.asked.length] ?? this.#known;
  }

  async #ask(frontend: Program, path: string, waitSeconds: number): Promise<Answer | null> {
    const { rig } = this.#mirror;
    const begun = performance.now();
    try {
      const answer = await rig.ask(frontend, path, { headers: { prefer: `wait=${waitSeconds}` } });
      const ended = performance.now();
      const overMs = ended - begun - waitSeconds * 1_000 - this.#lag.between(begun, ended);
      this.slowestMs = Math.max(this.slowestMs, overMs);
      if (overMs > GRACE_MS)
        this.broken.push(`an answer came ${Math.round(overMs)} ms after its wait of ${waitSeconds} s`);
      if (answer.status !== 302) this.broken.push(`an answer was ${answer.status}: ${answer.text}`);
      if (rig.leadsToCopy(answer)) this.#toCopy += 1;
      else this.#toOrigin += 1;
      return answer;
    } catch (error) {
      this.broken.push(`no answer: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#lag[Symbol.dispose]();
  }
}
