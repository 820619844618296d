import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { BenchContext, Benchmark, Findings, Ratio, Row } from '../benchmark.ts';
import { missingPackages } from '../baselines/peers.ts';
import { interleaved, valuesOf, type Competitor } from '../interleaved.ts';
import { FirstRequests, mustBeStored } from '../load/first-requests.ts';
import { startMirror, type RunningMirror } from '../mirror/running-mirror.ts';
import { runToEnd } from '../processes/bench-process.ts';
import { cpuSeconds, forgetPeak, peakResidentMB } from '../processes/process-usage.ts';
import { resetSink } from '../servers/server-counts.ts';
import { rounded } from '../statistics.ts';

const MEBIBYTE = 1024 * 1024;
/** The protocol server of the tests keeps all in memory, and reads slowly. */
const MOST_KEPT_MIB = 256;

type Turn = { mbPerSecond: number; cpuSeconds: number; peakMB: number };

const MIRROR = 'mirror, to a sink';
const RCLONE = 'rclone copyurl, to a sink';

/** One large object from a loopback origin into a store. */
export const copies: Benchmark = {
  name: 'copies',
  summary:
    'a large object into a sink, beside rclone copyurl, and into the S3 protocol server: throughput, CPU seconds, peak memory',
  run,
};

async function run({ sizes, cores, say }: BenchContext): Promise<Findings> {
  await using opened = new AsyncDisposableStack();
  const patient = { server: { maxWaitSeconds: 600, drainSeconds: 660 } };
  const options = { cores, copiers: 1, overrides: patient, frontendCores: cores.around };
  const running = opened.use(await startMirror({ ...options, store: 'sink' }));
  const requests = opened.use(new FirstRequests(running.frontend.address));
  const sizeBytes = sizes.copyMib * MEBIBYTE;
  const fresh = (bytes: number): string => `${running.origin}/bytes/${bytes}/copy-${randomUUID()}`;
  await copyOnce(running, requests, fresh(MEBIBYTE), MEBIBYTE);
  await copyOnce(running, requests, fresh(64 * MEBIBYTE), 64 * MEBIBYTE);

  const competitors: Competitor<Turn>[] = [
    { what: MIRROR, turn: () => copyOnce(running, requests, fresh(sizeBytes), sizeBytes) },
  ];
  const notes = [
    'The mirror is warm, and measured from the request to its answer: queue, entry and verification included. rclone is one process a copy, its start included.',
  ];
  if ((await missingPackages()).has('rclone'))
    notes.push('Not compared with rclone: the package rclone is missing.');
  else
    competitors.push({
      what: RCLONE,
      turn: () => rcloneOnce(fresh(sizeBytes), running.store, sizeBytes, cores.measured),
    });
  const medians = await interleaved(competitors, sizes.rounds, say);
  const rows = medians.map(({ what, values }): Row => rowOf(`${what}, ${sizes.copyMib} MiB`, values));
  const mirror = valuesOf(medians, MIRROR);
  const rclone = medians.find(({ what }) => what === RCLONE)?.values;

  if (sizes.copyMib <= MOST_KEPT_MIB) {
    const kept = opened.use(await startMirror({ ...options, store: 'protocol' }));
    const asking = opened.use(new FirstRequests(kept.frontend.address));
    const origin = `${kept.origin}/bytes/${sizeBytes}/kept`;
    rows.push(
      rowOf(
        `mirror, to the S3 protocol server, ${sizes.copyMib} MiB`,
        await copyOnce(kept, asking, origin, sizeBytes),
      ),
    );
  } else
    notes.push(
      `Not copied to the S3 protocol server: it keeps in memory what it gets, ${MOST_KEPT_MIB} MiB at the most here.`,
    );

  const ratios: Ratio[] = [
    ...(rclone === undefined
      ? []
      : [
          {
            what: 'warm copy throughput ÷ rclone copyurl',
            value: mirror.mbPerSecond / rclone.mbPerSecond,
            goal: { atLeast: 1, aim: 1.3 },
          },
        ]),
    {
      what: `copier's peak resident memory, MB, ${sizes.copyMib} MiB object`,
      value: mirror.peakMB,
      goal: { atMost: 200, aim: 120 },
    },
  ];
  return { rows, ratios, notes };
}

async function copyOnce(
  { copiers, store, queue }: RunningMirror,
  requests: FirstRequests,
  origin: string,
  sizeBytes: number,
): Promise<Turn> {
  const pid = copiers[0]?.pid ?? 0;
  const before = await cpuSeconds(pid);
  await forgetPeak(pid);
  const answer = await requests.one(origin);
  mustBeStored(answer);
  const spent = (await cpuSeconds(pid)) - before;
  const peakMB = await peakResidentMB(pid);
  if (store !== queue) await resetSink(store);
  return { mbPerSecond: sizeBytes / 1000 / answer.ms, cpuSeconds: spent, peakMB };
}

/** rclone as people call it: one process for the copy. */
async function rcloneOnce(origin: string, store: string, sizeBytes: number, cores: string): Promise<Turn> {
  const remote = `:s3,provider=Other,endpoint="${store}",access_key_id=test,secret_access_key=test,force_path_style=true:rclone/${randomUUID()}`;
  const script = join(import.meta.dirname, '..', 'processes', 'measured-run-main.ts');
  const output = await runToEnd(
    [process.execPath, script, 'rclone', '--config', '/dev/null', 'copyurl', origin, remote],
    // rclone 1.60 refuses to start with a bundle of certificates, of which loopback needs none.
    { cores, env: { AWS_CA_BUNDLE: '' } },
  );
  await resetSink(store);
  const line = /^\{.*\}$/m.exec(output)?.[0] ?? '{}';
  const { seconds, cpu, peakMB } = JSON.parse(line) as { seconds: number; cpu: number; peakMB: number };
  return { mbPerSecond: sizeBytes / 1e6 / seconds, cpuSeconds: cpu, peakMB };
}

function rowOf(what: string, { mbPerSecond, cpuSeconds: cpu, peakMB }: Turn): Row {
  return {
    what,
    values: { 'MB/s': rounded(mbPerSecond), 'CPU s': rounded(cpu), 'peak MB': rounded(peakMB) },
  };
}
