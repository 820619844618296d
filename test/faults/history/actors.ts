import { setTimeout as delay } from 'node:timers/promises';
import { fetchOnWire, type WireAnswer } from '@cloud-mirror/testing/fetch';
import { OPERATOR } from '../support/fault-rig.ts';
import { recognize } from './artifact.ts';
import type { ClientRequest, Found, Outcome, Purge } from './history.ts';
import type { LagMeter } from './lag-meter.ts';
import type { SeededRandom } from './random.ts';
import { REGIONS, type World } from './world.ts';

const MAX_WAIT_MS = 8_000;

/** Clients that send requests and follow redirects until `signal` is aborted. */
export async function runClient(
  world: World,
  random: SeededRandom,
  { lag, record, signal }: { lag: LagMeter; record: (request: ClientRequest) => void; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    const object = anObject(world, random);
    const region = random.pick(REGIONS);
    const waitSeconds = random.pick([0, 1, 2, 4, 8]);
    const asynchronous = random.chance(0.1);
    const revalidate = random.chance(0.1);
    const request = await ask(world, { object, region, waitSeconds, asynchronous, revalidate, random, lag });
    record(request);
    const longest = request.outcome.kind === 'no_answer' ? 3_000 : 300;
    await delay(random.between(20, longest), undefined, { signal }).catch(() => undefined);
  }
}

/** Picks an object; a few are hot. */
function anObject(world: World, random: SeededRandom): string {
  return random.pick(random.chance(0.6) ? world.objects.slice(0, 4) : world.objects);
}

interface Asked {
  readonly object: string;
  readonly region: string;
  readonly waitSeconds: number;
  readonly asynchronous: boolean;
  readonly revalidate: boolean;
  readonly random: SeededRandom;
  readonly lag: LagMeter;
}

async function ask(world: World, asked: Asked): Promise<ClientRequest> {
  const { object, region, waitSeconds, lag } = asked;
  const member = asked.random.pick(world.frontends);
  const prefer = `wait=${waitSeconds}${asked.asynchronous ? ', respond-async' : ''}`;
  const begin = world.now();
  let outcome: Outcome;
  let end: number;
  try {
    const url = world.rig.redirectUrl(member.program, world.pathOf(object), region);
    const answer = await fetchOnWire(url, {
      headers: { prefer, ...(asked.revalidate ? { 'cache-control': 'no-cache' } : {}) },
    });
    end = world.now();
    outcome = await outcomeOf(world, answer);
  } catch (error) {
    end = world.now();
    outcome = { kind: 'no_answer', what: messageOf(error) };
  }
  return {
    frontend: member.name,
    region,
    object,
    waitMs: Math.min(MAX_WAIT_MS, waitSeconds * 1_000),
    begin,
    end,
    outcome,
    fetchedAt: world.now(),
    lagMs: lag.between(begin, end),
  };
}

async function outcomeOf(world: World, answer: WireAnswer): Promise<Outcome> {
  if (answer.status === 202) return { kind: 'accepted' };
  const location = answer.headers['location'];
  if (answer.status !== 302 || location === undefined)
    return { kind: 'unexpected', what: `${answer.status} ${answer.text.slice(0, 300)}` };
  if (!world.rig.leadsToCopy(answer)) return { kind: 'origin', detail: answer.headers['cache-status'] ?? '' };
  return { kind: 'copy', location, found: await read(location) };
}

/** Reads the target of a redirect; retries on network faults. */
async function read(location: string): Promise<Found> {
  const { status, bytes } = await fetchOnWire(location);
  return status === 200 ? recognize(bytes) : { kind: 'missing', status };
}

/** An operator who publishes, purges, and sometimes flushes until `signal` is aborted. */
export async function runOperator(
  world: World,
  random: SeededRandom,
  { record, signal }: { record: (purge: Purge) => void; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    await delay(random.between(100, 1_500), undefined, { signal }).catch(() => undefined);
    if (random.chance(0.1)) await flush(world, random);
    else record(await purge(world, random));
  }
}

async function purge(world: World, random: SeededRandom): Promise<Purge> {
  const object = anObject(world, random);
  const region = random.pick([...REGIONS, 'all']);
  const member = random.pick(world.frontends);
  if (random.chance(0.8)) world.publish(object);
  const begin = world.now();
  let done = false;
  try {
    const answer = await world.rig.operate(member.program, 'purge', world.pathOf(object), region);
    done = answer.status === 204 || (answer.status === 200 && everyRegion(answer));
  } catch {
    // The front end died during the call, so the operator does not know the result.
  }
  return { frontend: member.name, region, object, begin, end: world.now(), done };
}

function everyRegion(answer: WireAnswer): boolean {
  const { results } = answer.json() as { results?: readonly { purged?: boolean }[] };
  if (results === undefined) throw new TypeError(`a purge of all regions answered ${answer.text}`);
  return results.every(({ purged }) => purged === true);
}

async function flush(world: World, random: SeededRandom): Promise<void> {
  const url = random.pick(world.frontends).program.url('/v1/cache');
  await fetchOnWire(url, { method: 'DELETE', headers: OPERATOR }).catch(() => undefined);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
