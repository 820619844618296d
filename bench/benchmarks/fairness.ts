import type { BenchContext, Benchmark, Findings } from '../benchmark.ts';
import { copiesIn, detoursOf, FirstRequests, type Answered } from '../load/first-requests.ts';
import { startMirror, type RunningMirror } from '../mirror/running-mirror.ts';
import { startScript } from '../processes/bench-process.ts';
import { percentile, rounded } from '../statistics.ts';
import { eventually } from '@cloud-mirror/testing/eventually';

const SAMPLES = 200;
/** Fewer, because each waits for the time slice of a slow copy. */
const SAME_HOST_SAMPLES = 20;
const WARM_UPS = 50;
const COPIERS = 2;
const SLOTS = 16;
/** Twice the slots of both copiers. */
const SLOW_COPIES = 64;
/** More than an hour's worth at the rate at which the origin drips. */
const SLOW_BYTES = 100_000_000;
const PATIENTLY = { timeoutMs: 60_000, intervalMs: 50 };

/** One client's first requests, alone and while another client's slow objects could hold every copy slot. */
export const fairness: Benchmark = {
  name: 'fairness',
  summary: `first requests of 1 KiB objects while ${SLOW_COPIES} copies drip at 25 kB/s into ${COPIERS} copiers with ${SLOTS} slots each`,
  run,
};

async function run({ cores, say }: BenchContext): Promise<Findings> {
  await using opened = new AsyncDisposableStack();
  const slow = opened.use(await startScript('servers/fast-origin-main.ts', { cores: cores.around }));
  const overrides = { copier: { concurrency: SLOTS, graceSeconds: 1 } };
  const running = opened.use(
    await startMirror({ cores, copiers: COPIERS, store: 'sink', overrides, moreOrigins: [slow.address] }),
  );
  const requests = opened.use(new FirstRequests(running.frontend.address));
  let made = 0;
  const sample = async (origin: string, count: number): Promise<Answered[]> => {
    const answers: Answered[] = [];
    while (answers.length < count)
      answers.push(await requests.one(`${origin}/bytes/1024/fair-${(made += 1)}`));
    return answers;
  };
  await sample(running.origin, WARM_UPS);
  const alone = await sample(running.origin, SAMPLES);

  say(`  requesting ${SLOW_COPIES} slow objects`);
  const attack = Array.from(
    { length: SLOW_COPIES },
    (_, index) => `${slow.address}/drip/${SLOW_BYTES}/${index}`,
  );
  await requests.atOnce(attack, { prefer: 'wait=0' });
  await eventually(async () => (await copiesRunning(running)) >= SLOTS + SLOTS / 2, PATIENTLY);
  const meanwhile = await sample(running.origin, SAMPLES);
  const sameHost = await sample(slow.address, SAME_HOST_SAMPLES);

  const rows = [
    { what: 'without slow copies', answers: alone },
    { what: 'with slow copies of another host', answers: meanwhile },
    { what: 'with slow copies of the same host', answers: sameHost },
  ];
  const p99 = (answers: readonly Answered[]): number =>
    percentile(
      answers.map(({ ms }) => ms),
      0.99,
    );
  return {
    rows: rows.map(({ what, answers }) => ({
      what,
      values: {
        copies: copiesIn(answers),
        'sent to origin': detoursOf(answers) || 'none',
        'p50 ms': rounded(
          percentile(
            answers.map(({ ms }) => ms),
            0.5,
          ),
        ),
        'p99 ms': rounded(p99(answers)),
      },
    })),
    ratios: [
      {
        what: "p99 beside another host's slow copies, to p99 alone",
        value: rounded(p99(meanwhile) / p99(alone)),
        goal: { atMost: 2, aim: 1.2 },
      },
      {
        what: "p99 beside its own host's slow copies, to p99 alone",
        value: rounded(p99(sameHost) / p99(alone)),
      },
    ],
    notes: ['One request at a time, each for an object without a copy, which it waits for.'],
  };
}

async function copiesRunning({ copiers }: RunningMirror): Promise<number> {
  const counts = await Promise.all(
    copiers.map(async ({ address }) => {
      const text = await (await fetch(`${address}/metrics`)).text();
      return Number(/^cloud_mirror_copies_running (\d+)$/m.exec(text)?.[1] ?? 0);
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}
