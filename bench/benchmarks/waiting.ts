import { connect, type Socket } from 'node:net';
import type { BenchContext, Benchmark, Findings } from '../benchmark.ts';
import { FirstRequests } from '../load/first-requests.ts';
import { fillEntries } from '../mirror/fill-entries.ts';
import { artifactUrl, targetOf } from '../mirror/mirror-under-test.ts';
import { startMirror } from '../mirror/running-mirror.ts';
import { cpuSeconds, residentMB } from '../processes/process-usage.ts';
import { percentile, rounded } from '../statistics.ts';
import { eventually } from '@cloud-mirror/testing/eventually';

const HITS = 300;
const WATCHED_SECONDS = 5;
const PACE = 50;
const PATIENTLY = { timeoutMs: 120_000, intervalMs: 20 };

/** Many requests that wait for copies, and their effect on other requests. */
export const waiting: Benchmark = {
  name: 'waiting',
  summary:
    'many requests that wait at once for copies that are never made: memory for each, and the time of hits meanwhile',
  run,
};

async function run({ sizes, cores, say }: BenchContext): Promise<Findings> {
  await using opened = new AsyncDisposableStack();
  // All requests come from one client, which may take half of the places, on the connections of one proxy.
  const maxWaiting = 2 * sizes.waiting + 1000;
  const overrides = {
    server: { maxWaitSeconds: 300, maxWaiting, drainSeconds: 330, trustedProxies: ['127.0.0.1'] },
  };
  // There is no copier, so every request waits to the end.
  const running = opened.use(await startMirror({ cores, copiers: 0, store: 'sink', overrides }));
  await fillEntries(running.redisUrl, running.mirror.name, HITS);
  const { pid, address } = running.frontend;
  const requests = opened.use(new FirstRequests(address));
  const hitTimes = async (): Promise<number[]> => {
    const times: number[] = [];
    for (let number = 0; number < HITS; number += 1) times.push((await requests.one(artifactUrl(number))).ms);
    return times;
  };
  await hitTimes();
  const before = await hitTimes();
  const idleMB = await residentMB(pid);

  say(`  opening ${sizes.waiting} requests`);
  const { port } = new URL(address);
  const sockets: Socket[] = [];
  let answered = 0;
  opened.defer(() => sockets.forEach((socket) => socket.destroy()));
  const begun = performance.now();
  for (let number = 0; number < sizes.waiting; number += 1) {
    const socket = connect({ host: '127.0.0.1', port: Number(port) });
    socket.on('error', () => undefined);
    const target = targetOf(`${running.origin}/bytes/1024/waited-${number}`);
    socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    sockets.push(socket);
    socket.once('data', () => {
      answered += 1;
    });
    // No faster than the server accepts them, so that the listen backlog does not overflow.
    if (number % PACE === PACE - 1)
      await eventually(async () => (await waitingAt(address)) + answered > number - 2 * PACE, PATIENTLY);
  }
  await eventually(async () => (await waitingAt(address)) + answered >= sizes.waiting, PATIENTLY);
  const reached = await waitingAt(address);
  const seconds = (performance.now() - begun) / 1000;
  const waitingMB = await residentMB(pid);
  const cpuBefore = await cpuSeconds(pid);
  await new Promise((resolve) => setTimeout(resolve, WATCHED_SECONDS * 1000));
  const cpuShare = ((await cpuSeconds(pid)) - cpuBefore) / WATCHED_SECONDS;
  const meanwhile = await hitTimes();
  return {
    rows: [
      {
        what: `${reached} requests waiting`,
        values: {
          'sent to origin': answered,
          'requests/s on the way there': rounded(reached / seconds),
          'kB for each': rounded(((waitingMB - idleMB) * 1000) / reached),
          'CPU of waiting, processors': rounded(cpuShare),
          'hit p50 ms before': rounded(percentile(before, 0.5)),
          'hit p50 ms meanwhile': rounded(percentile(meanwhile, 0.5)),
          'hit p99 ms before': rounded(percentile(before, 0.99)),
          'hit p99 ms meanwhile': rounded(percentile(meanwhile, 0.99)),
        },
      },
    ],
    ratios: [],
    notes: [
      'Each request waits for a different object; memory includes its connection and its look-ups before the wait.',
    ],
  };
}

async function waitingAt(frontend: string): Promise<number> {
  const text = await (await fetch(`${frontend}/metrics`)).text();
  return Number(/^cloud_mirror_requests_waiting (\d+)$/m.exec(text)?.[1] ?? 0);
}
