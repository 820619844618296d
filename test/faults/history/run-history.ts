import { setTimeout as delay } from 'node:timers/promises';
import { runClient, runOperator } from './actors.ts';
import { FaultPlan } from './fault-plan.ts';
import type { Aftermath, ClientRequest, History, Purge } from './history.ts';
import { LagMeter } from './lag-meter.ts';
import { SeededRandom } from './random.ts';
import { COPIER_KEY } from '../support/fault-rig.ts';
import { CONCURRENCY, REGIONS, World } from './world.ts';

export interface HistoryOptions {
  readonly seed: number;
  /** How long clients, operators and faults are active. */
  readonly seconds: number;
  readonly clients?: number;
  /** Reports the progress of the run. */
  readonly onStep?: (step: string) => void;
}

const CLIENTS = 24;
const OPERATORS = 4;
const GIVE_UP_MS = 75_000;

/** Runs a whole mirror under random faults, and then without. @returns everything that happened */
export async function runHistory(options: HistoryOptions): Promise<History & { readonly logs: string }> {
  const { seed, seconds, onStep = () => undefined } = options;
  await using world = await World.open(new SeededRandom(seed));
  using lag = new LagMeter(() => world.now());
  const requests: ClientRequest[] = [];
  const purges: Purge[] = [];
  const stop = new AbortController();
  const { signal } = stop;
  const plan = new FaultPlan(world, new SeededRandom(seed + 1));
  onStep(`${CLIENTS} clients and ${OPERATORS} operators for ${seconds} s`);
  const clients = Array.from({ length: options.clients ?? CLIENTS }, (_, index) =>
    runClient(world, new SeededRandom(seed + 100 + index), {
      lag,
      signal,
      record: (request) => requests.push(request),
    }),
  );
  const operators = Array.from({ length: OPERATORS }, (_, index) =>
    runOperator(world, new SeededRandom(seed + 10 + index), {
      signal,
      record: (purge) => purges.push(purge),
    }),
  );
  const faultsEnd = new AbortController();
  const faults = plan.run(faultsEnd.signal);
  await delay(seconds * 1_000);
  faultsEnd.abort();
  await faults;
  // Clients continue for a moment, so that they see late effects.
  const quietAt = world.now();
  await delay(2_000);
  stop.abort();
  await Promise.all([...clients, ...operators]);
  onStep(`${requests.length} requests, ${purges.length} purges, ${plan.spans.length} faults; quiet now`);
  const aftermath = await lookAround(world, quietAt);
  const logs = world.rig.lastLines(400);
  return { versions: world.versions, requests, purges, faults: plan.spans, aftermath, logs };
}

async function lookAround(world: World, quietAt: number): Promise<Aftermath> {
  const served = await Promise.all(
    world.objects.flatMap((object) =>
      REGIONS.map(async (region) => ({ object, region, at: await servedAt(world, object, region) })),
    ),
  );
  const { protocols } = world.rig;
  const stored = (operation: string): boolean =>
    operation === 'PutObject' || operation === 'CompleteMultipartUpload';
  const done = protocols.calls.filter(({ status }) => status !== null && status < 300);
  return {
    quietAt,
    served,
    openUploads: protocols.openUploads.map(({ key, begunAt }) => ({
      key,
      begunAt: world.now() - (Date.now() - begunAt.getTime()),
    })),
    pending: await world.pendingEntries(),
    longestLeaseMs: world.longestLeaseMs,
    copiesMade: done.filter(({ operation, path }) => stored(operation) && !path.includes('/purged/')).length,
    jobsSent: done.filter(({ operation }) => operation === 'SendMessage').length,
    concurrency: CONCURRENCY,
    deletedByCopiers: protocols.calls
      .filter(({ operation, accessKeyId }) => operation === 'DeleteObject' && accessKeyId === COPIER_KEY)
      .map(({ path }) => path),
  };
}

async function servedAt(world: World, object: string, region: string): Promise<number | null> {
  const until = world.now() + GIVE_UP_MS;
  const [frontend] = world.frontends;
  while (frontend !== undefined && world.now() < until) {
    const answer = await world.rig.ask(frontend.program, world.pathOf(object), { region }).catch(() => null);
    if (answer !== null && world.rig.leadsToCopy(answer)) return world.now();
    await delay(200);
  }
  return null;
}
