import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { request } from 'undici';
import type { BenchContext, Benchmark, Findings, Row } from '../benchmark.ts';
import { fillEntries } from '../mirror/fill-entries.ts';
import { artifactUrl, MirrorUnderTest, targetOf } from '../mirror/mirror-under-test.ts';
import { startScript } from '../processes/bench-process.ts';
import { startPinnedRedis } from '../processes/pinned-redis.ts';
import { residentMB } from '../processes/process-usage.ts';
import { rounded } from '../statistics.ts';

const POLL_MS = 5;
const LIMIT_MS = 120_000;

/** What many purge markers cost a front end: at its start, and for each new connection to Redis. */
export const markers: Benchmark = {
  name: 'markers',
  summary:
    'a front end with many purge markers: its start, a new connection to Redis, calls to the store, memory',
  run,
};

async function run(context: BenchContext): Promise<Findings> {
  const rows: Row[] = [];
  for (const count of [0, 6_000, context.sizes.markers])
    for (const how of count === 0 ? ['plain'] : ['plain', 'logged'])
      rows.push(await measure(context, count, how));
  return {
    rows,
    ratios: [],
    notes: [
      'plain: markers as version 0.2.0 wrote them. logged: each purge of the last thirty days is in the log.',
    ],
  };
}

async function measure({ cores, say }: BenchContext, count: number, how: string): Promise<Row> {
  await using opened = new AsyncDisposableStack();
  const redis = opened.use(await startPinnedRedis(cores.around));
  const store = opened.use(
    await startScript('servers/marker-store-main.ts', { cores: cores.around, args: [`${count}:${how}`] }),
  );
  const mirror = new MirrorUnderTest({ redisUrl: redis.url, queue: null, store: store.address });
  await fillEntries(redis.url, mirror.name, 1);
  const frontend = opened.use(await mirror.startFrontend(cores.measured));
  const startMs = await untilHit(frontend.address);
  const startLists = await listsOf(store.address, 'DELETE');
  const client = new Redis(redis.url);
  const turns: number[] = [];
  for (let turn = 0; turn < 3; turn += 1) {
    const begun = performance.now();
    const before = await listsOf(store.address, 'GET');
    await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    // Until the front end notices, it answers from memory.
    while ((await listsOf(store.address, 'GET')) === before) await ask(frontend.address);
    await untilHit(frontend.address);
    turns.push(performance.now() - begun);
  }
  client.disconnect();
  const lists = (await listsOf(store.address, 'DELETE')) / turns.length;
  const what = `${count} markers, ${how}`;
  const values = {
    'first hit after the start ms': rounded(startMs),
    'LISTs at the start': startLists,
    'hit after a new connection ms': rounded(Math.min(...turns)),
    'LISTs for it': rounded(lists),
    'front end MB': rounded(await residentMB(frontend.pid)),
  };
  say(`  ${what}: ${JSON.stringify(values)}`);
  return { what, values };
}

/** Waits until the front end trusts the entry of Redis. @returns how long that took */
async function untilHit(address: string): Promise<number> {
  const begun = performance.now();
  for (;;) {
    const isHit = await ask(address);
    const took = performance.now() - begun;
    if (isHit) return took;
    if (took > LIMIT_MS) throw new Error(`no hit within ${LIMIT_MS} ms`);
    await sleep(POLL_MS);
  }
}

/** Asks for a copy that exists. @returns whether the answer is a hit */
async function ask(address: string): Promise<boolean> {
  const { headers, body } = await request(address + targetOf(artifactUrl(0)), {
    headers: { prefer: 'wait=0' },
  });
  await body.dump();
  return String(headers['cache-status']).includes('hit');
}

/** LISTs that the store has answered. `DELETE` resets the count. */
async function listsOf(store: string, method: 'GET' | 'DELETE'): Promise<number> {
  const { body } = await request(`${store}/.sink`, { method });
  const calls = (await body.json()) as Record<string, number>;
  return calls['ListObjectsV2'] ?? 0;
}
