import type { BenchContext, Benchmark, Findings } from '../benchmark.ts';
import { interleaved, valuesOf } from '../interleaved.ts';
import { detoursOf, FirstRequests, mustBeStored, copiesIn } from '../load/first-requests.ts';
import { startMirror } from '../mirror/running-mirror.ts';
import { startScript } from '../processes/bench-process.ts';
import { cpuSeconds } from '../processes/process-usage.ts';
import { originCounts, resetOrigin, resetSink, sinkCounts } from '../servers/server-counts.ts';
import { median, percentile, rounded } from '../statistics.ts';

const KIBIBYTE = 1024;
/** Sequential first requests of one turn. */
const ONE_BY_ONE = 50;
/** Turns of many simultaneous requests before measuring: V8 optimizes the code for thousands of small objects. */
const WARM_UPS = 6;
const BY_HAND_CONCURRENCY = 64;

/** Requests for objects without a copy, each waiting for its copy. */
export const misses: Benchmark = {
  name: 'misses',
  summary:
    'first requests of 1 KiB objects: one at a time, many different ones at once, many for one object; compared with GET + PUT by hand',
  run,
};

async function run({ sizes, cores, say }: BenchContext): Promise<Findings> {
  await using opened = new AsyncDisposableStack();
  const wait = { server: { maxWaitSeconds: 60, drainSeconds: 90 } };
  const running = opened.use(await startMirror({ cores, copiers: 1, store: 'sink', overrides: wait }));
  const args = [running.store, 'by-hand'];
  const byHand = opened.use(
    await startScript('baselines/copy-by-hand-main.ts', { cores: cores.measured, args }),
  );
  const requests = opened.use(new FirstRequests(running.frontend.address));

  let made = 0;
  const fresh = (count: number): string[] =>
    Array.from({ length: count }, () => `${running.origin}/bytes/${KIBIBYTE}/miss-${++made}`);
  const copyByHand = async (origins: readonly string[], concurrency: number): Promise<number> => {
    const begun = performance.now();
    const answer = await fetch(`${byHand.address}/?concurrency=${concurrency}`, {
      method: 'POST',
      body: origins.join('\n'),
    });
    if (!answer.ok) throw new Error(`the copies by hand failed: ${await answer.text()}`);
    return (performance.now() - begun) / 1000;
  };

  const cpuOfMirror = async (): Promise<number> => {
    const seconds = await Promise.all(
      [running.frontend, ...running.copiers].map(({ pid }) => cpuSeconds(pid)),
    );
    return seconds.reduce((sum, one) => sum + one, 0);
  };

  for (const origin of fresh(ONE_BY_ONE)) {
    mustBeStored(await requests.one(origin));
    await copyByHand([origin], 1);
  }
  for (let turn = 0; turn < WARM_UPS; turn += 1) {
    await requests.atOnce(fresh(sizes.simultaneous));
    await copyByHand(fresh(sizes.simultaneous), BY_HAND_CONCURRENCY);
  }
  const oneByOne = await interleaved(
    [
      {
        what: 'mirror',
        turn: async () => {
          const times: number[] = [];
          for (const origin of fresh(ONE_BY_ONE)) {
            const answer = await requests.one(origin);
            mustBeStored(answer);
            times.push(answer.ms);
          }
          return { medianMs: median(times), p95Ms: percentile(times, 0.95) };
        },
      },
      {
        what: 'by hand',
        turn: async () => {
          const times: number[] = [];
          for (const origin of fresh(ONE_BY_ONE)) times.push((await copyByHand([origin], 1)) * 1000);
          return { medianMs: median(times), p95Ms: percentile(times, 0.95) };
        },
      },
    ],
    sizes.rounds,
    say,
  );

  const different = await interleaved(
    [
      {
        what: 'mirror',
        turn: async () => {
          const before = await cpuOfMirror();
          const { answers, seconds } = await requests.atOnce(fresh(sizes.simultaneous));
          const cpu = (await cpuOfMirror()) - before;
          const stored = copiesIn(answers);
          if (stored < answers.length) say(`  sent to the origin: ${detoursOf(answers)}`);
          return {
            perSecond: stored / seconds,
            lastMs: seconds * 1000,
            toOrigin: answers.length - stored,
            cpuMs: (cpu / answers.length) * 1000,
          };
        },
      },
      {
        what: 'by hand',
        turn: async () => {
          const before = await cpuSeconds(byHand.pid);
          const seconds = await copyByHand(fresh(sizes.simultaneous), BY_HAND_CONCURRENCY);
          const cpu = (await cpuSeconds(byHand.pid)) - before;
          return {
            perSecond: sizes.simultaneous / seconds,
            lastMs: seconds * 1000,
            toOrigin: 0,
            cpuMs: (cpu / sizes.simultaneous) * 1000,
          };
        },
      },
    ],
    sizes.rounds,
    say,
  );

  await resetSink(running.store);
  await resetOrigin(running.origin);
  const [one = ''] = fresh(1);
  const same = await requests.atOnce(Array.from({ length: sizes.simultaneous }, () => one));
  if (detoursOf(same.answers) !== '') say(`  sent to the origin: ${detoursOf(same.answers)}`);
  const gets = (await originCounts(running.origin))['GET'] ?? 0;
  const puts = (await sinkCounts(running.store)).calls['PutObject'] ?? 0;

  const first = valuesOf(oneByOne, 'mirror');
  const many = valuesOf(different, 'mirror');
  return {
    rows: [
      ...oneByOne.map(({ what, values }) => ({
        what: `${what}: first request of 1 KiB`,
        values: { 'median ms': rounded(values.medianMs), 'p95 ms': rounded(values.p95Ms) },
      })),
      ...different.map(({ what, values }) => ({
        what: `${what}: ${sizes.simultaneous} different at once`,
        values: {
          'objects/s': rounded(values.perSecond),
          'CPU ms/object': rounded(values.cpuMs),
          'last ms': rounded(values.lastMs),
          'sent to origin': values.toOrigin,
        },
      })),
      {
        what: `mirror: ${sizes.simultaneous} at once for one object`,
        values: {
          'last ms': rounded(same.seconds * 1000),
          'sent to origin': same.answers.length - copiesIn(same.answers),
          'origin GETs': gets,
          'store PUTs': puts,
        },
      },
    ],
    ratios: [
      {
        what: 'first request of 1 KiB ÷ GET + PUT by hand, warm',
        value: first.medianMs / valuesOf(oneByOne, 'by hand').medianMs,
        goal: { atMost: 3, aim: 1.5 },
      },
      {
        what: 'different first requests at once, copies/s',
        value: many.perSecond,
        goal: { atLeast: 500, aim: rounded(valuesOf(different, 'by hand').perSecond) },
      },
      {
        what: 'origin GETs for simultaneous requests of one object',
        value: gets,
        goal: { atMost: 1, aim: 1 },
      },
    ],
    notes: [
      'Front end, copier and the copies by hand share one processor; store, origin, queue, Redis and clients share another.',
    ],
  };
}
