import type { BenchContext, Benchmark, Findings, Row } from '../benchmark.ts';
import { FirstRequests } from '../load/first-requests.ts';
import { startMirror } from '../mirror/running-mirror.ts';
import type { BenchProcess } from '../processes/bench-process.ts';
import { cpuSeconds, peakResidentMB } from '../processes/process-usage.ts';
import { resetSink, sinkCounts } from '../servers/server-counts.ts';
import { rounded } from '../statistics.ts';
import { eventually } from '@cloud-mirror/testing/eventually';

const OBJECT_BYTES = 10_240;
const AT_ONCE = 64;

/** How fast copiers work off queues full of jobs. */
export const backlog: Benchmark = {
  name: 'backlog',
  summary:
    'jobs of 10 KiB objects that wait in the queue: how fast one copier and two copy them, and one copier with a long queue',
  run,
};

async function run({ sizes, cores, say }: BenchContext): Promise<Findings> {
  const rows: Row[] = [];
  const measure = async (copiers: number, jobs: number, copied: number): Promise<number> => {
    say(`  ${copiers} copier(s), ${jobs} jobs`);
    await using running = await startMirror({ cores, copiers: 0, store: 'sink' });
    await using requests = new FirstRequests(running.frontend.address);
    await enqueue(requests, running.origin, jobs);
    await resetSink(running.store);
    const begun = performance.now();
    const processes: BenchProcess[] = [await running.startCopier(cores.measured)];
    if (copiers > 1) processes.push(await running.startCopier(cores.second));
    const puts = await eventually(
      async () => {
        const { calls } = await sinkCounts(running.store);
        const count = calls['PutObject'] ?? 0;
        return count >= copied ? count : null;
      },
      { timeoutMs: 600_000, intervalMs: 20 },
    );
    const seconds = (performance.now() - begun) / 1000;
    let cpu = 0;
    let peakMB = 0;
    for (const { pid } of processes) {
      cpu += await cpuSeconds(pid);
      peakMB = Math.max(peakMB, await peakResidentMB(pid));
    }
    rows.push({
      what: `${copiers} copier${copiers > 1 ? 's' : ''}, ${jobs} jobs of 10 KiB`,
      values: {
        copied: puts,
        'objects/s': rounded(puts / seconds),
        'CPU ms/object': rounded((cpu / puts) * 1000),
        'peak MB': rounded(peakMB),
      },
    });
    return puts / seconds;
  };
  const one = await measure(1, sizes.smallObjects, sizes.smallObjects);
  const two = await measure(2, sizes.smallObjects, sizes.smallObjects);
  const long = await measure(1, sizes.queuedJobs, Math.min(sizes.queuedJobs, sizes.smallObjects));
  return {
    rows,
    ratios: [
      { what: 'objects/s of two copiers ÷ of one', value: two / one },
      { what: `objects/s before ${sizes.queuedJobs} jobs ÷ before ${sizes.smallObjects}`, value: long / one },
    ],
    notes: [
      'Times include the start of the copiers. Store, origin, queue, Redis and front end share the remaining processors.',
      ...(cores.secondIsShared
        ? [
            'The second copier shares its processor with all of these, so on fewer than four processors its ratio says little.',
          ]
        : []),
    ],
  };
}

/** Creates jobs as in production: by requests that do not wait. */
async function enqueue(requests: FirstRequests, origin: string, jobs: number): Promise<void> {
  const numbers = Array.from({ length: jobs }, (_, number) => number).values();
  const worker = async (): Promise<void> => {
    for (const number of numbers)
      await requests.one(`${origin}/bytes/${OBJECT_BYTES}/backlog-${number}`, { prefer: 'respond-async' });
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
