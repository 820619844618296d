import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchContext, Benchmark, Findings, Row } from '../benchmark.ts';
import { HttpLoad } from '../load/http-load.ts';
import { zipfDraws } from '../load/zipf.ts';
import { fillEntries } from '../mirror/fill-entries.ts';
import { artifactUrl, MirrorUnderTest, targetOf } from '../mirror/mirror-under-test.ts';
import { startScript } from '../processes/bench-process.ts';
import { startPinnedRedis } from '../processes/pinned-redis.ts';
import { residentMB } from '../processes/process-usage.ts';
import { median, rounded } from '../statistics.ts';

const DRAWS = 200_000;
const WARM_UP_SECONDS = 2;

/** Hits with a growing number of entries, and with a second front end. */
export const growth: Benchmark = {
  name: 'growth',
  summary:
    'hits with a growing number of entries in Redis, memory of Redis for each entry, and hits through two front ends',
  run,
};

async function run({ sizes, cores, say }: BenchContext): Promise<Findings> {
  await using opened = new AsyncDisposableStack();
  const redis = opened.use(await startPinnedRedis(cores.around));
  const store = opened.use(await startScript('servers/object-sink-main.ts', { cores: cores.around }));
  const mirror = new MirrorUnderTest({ redisUrl: redis.url, queue: null, store: store.address });
  const frontend = opened.use(await mirror.startFrontend(cores.measured));
  const rows: Row[] = [];
  const rates: number[] = [];
  const emptyMB = await residentMB(redis.pid);
  let filled = 0;
  for (const entries of [...sizes.entries].sort((a, b) => a - b)) {
    say(`  filling Redis up to ${entries} entries`);
    await fillEntries(redis.url, mirror.name, entries - filled, filled);
    filled = entries;
    await using load = await openLoad(entries, sizes.connections, cores.around);
    await load.run(frontend.address, WARM_UP_SECONDS);
    const seen = await turns(sizes.rounds, () => load.run(frontend.address, sizes.seconds));
    rates.push(seen);
    rows.push({
      what: `${entries} entries`,
      values: {
        'hits/s': rounded(seen),
        'bytes of Redis/entry': rounded((((await residentMB(redis.pid)) - emptyMB) * 1e6) / entries),
        'front end MB': rounded(await residentMB(frontend.pid)),
      },
    });
  }

  const second = opened.use(await mirror.startFrontend(cores.second));
  await using load = await openLoad(filled, sizes.connections, cores.around);
  await load.run(second.address, WARM_UP_SECONDS);
  const alone: number[] = [];
  const together: number[] = [];
  for (let round = 0; round < sizes.rounds; round += 1) {
    alone.push((await load.run(frontend.address, sizes.seconds)).requestsPerSecond);
    const both = await Promise.all([frontend, second].map(({ address }) => load.run(address, sizes.seconds)));
    together.push(both.reduce((sum, { requestsPerSecond }) => sum + requestsPerSecond, 0));
  }
  rows.push({ what: 'one front end', values: { 'hits/s': rounded(median(alone)) } });
  rows.push({ what: 'two front ends', values: { 'hits/s': rounded(median(together)) } });
  const [few = Number.NaN] = rates;
  return {
    rows,
    ratios: [
      { what: 'hits/s with the most entries ÷ with the fewest', value: (rates.at(-1) ?? Number.NaN) / few },
      { what: 'hits/s of two front ends ÷ of one', value: median(together) / median(alone) },
    ],
    notes: cores.secondIsShared
      ? [
          'The second front end shares its processor with load and Redis, so on fewer than four processors its ratio says little.',
        ]
      : [],
  };
}

function openLoad(entries: number, connections: number, cores: string): Promise<HttpLoad> {
  const paths = zipfDraws(entries, DRAWS).map((number) => targetOf(artifactUrl(number)));
  return HttpLoad.open({ paths, connections, cores });
}

async function turns(
  rounds: number,
  turn: () => Promise<{ readonly requestsPerSecond: number }>,
): Promise<number> {
  const seen: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    seen.push((await turn()).requestsPerSecond);
    await sleep(200);
  }
  return median(seen);
}
