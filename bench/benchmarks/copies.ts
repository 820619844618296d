import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { BenchContext, Benchmark, Findings, Ratio, Row } from '../benchmark.ts';
import { missingPackages } from '../baselines/peers.ts';
import { interleaved, valuesOf, type Competitor, type Medians } from '../interleaved.ts';
import { FirstRequests, mustBeStored } from '../load/first-requests.ts';
import { startMirror, type RunningMirror } from '../mirror/running-mirror.ts';
import { runToEnd } from '../processes/bench-process.ts';
import { cpuSeconds, forgetPeak, peakResidentMB } from '../processes/process-usage.ts';
import { loopbackCertificate, type LoopbackCertificate } from '../servers/loopback-certificate.ts';
import { resetSink } from '../servers/server-counts.ts';
import { rounded } from '../statistics.ts';

const MEBIBYTE = 1024 * 1024;
/** The tests' protocol server keeps objects in memory and reads slowly. */
const MOST_KEPT_MIB = 256;

type Turn = { mbPerSecond: number; cpuSeconds: number; peakMB: number };

interface Pair {
  /** `http` or `https`, for both origin and sink. */
  readonly scheme: string;
  readonly running: RunningMirror;
  readonly requests: FirstRequests;
  readonly certificate?: LoopbackCertificate;
}

const mirrorVia = (scheme: string): string => `mirror, to a sink, ${scheme}`;
const rcloneVia = (scheme: string): string => `rclone copyurl, to a sink, ${scheme}`;

/** One large object from a loopback origin into a store. */
export const copies: Benchmark = {
  name: 'copies',
  summary:
    'a large object into a sink, compared with rclone copyurl, and into the S3 protocol server: throughput, CPU seconds, peak memory',
  run,
};

async function run({ sizes, cores, say }: BenchContext): Promise<Findings> {
  await using opened = new AsyncDisposableStack();
  const patient = { server: { maxWaitSeconds: 600, drainSeconds: 660 } };
  const options = { cores, copiers: 1, overrides: patient, frontendCores: cores.around };
  const sizeBytes = sizes.copyMib * MEBIBYTE;
  const hasRclone = !(await missingPackages()).has('rclone');
  const made = await loopbackCertificate();
  const certificates = made === null ? [undefined] : [undefined, opened.use(made)];
  const notes = notesOn(hasRclone, made !== null);

  const pairs: Pair[] = [];
  for (const certificate of certificates) {
    const secure = certificate === undefined ? {} : { certificate };
    const running = opened.use(await startMirror({ ...options, ...secure, store: 'sink' }));
    const requests = opened.use(new FirstRequests(running.frontend.address));
    for (const mebibytes of [1, 64])
      await copyOnce(running, requests, fresh(running, mebibytes * MEBIBYTE), mebibytes * MEBIBYTE);
    pairs.push({ scheme: certificate === undefined ? 'http' : 'https', running, requests, ...secure });
  }
  const competitors = pairs.flatMap(({ scheme, running, requests, certificate }): Competitor<Turn>[] => {
    const mirror = () => copyOnce(running, requests, fresh(running, sizeBytes), sizeBytes);
    const rclone = () => rcloneOnce(running, sizeBytes, cores.measured, certificate);
    return [
      { what: mirrorVia(scheme), turn: mirror },
      ...(hasRclone ? [{ what: rcloneVia(scheme), turn: rclone }] : []),
    ];
  });
  const medians = await interleaved(competitors, sizes.rounds, say);
  const rows = medians.map(({ what, values }): Row => rowOf(`${what}, ${sizes.copyMib} MiB`, values));

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
      `Not copied to the S3 protocol server, which keeps objects in memory: at most ${MOST_KEPT_MIB} MiB here.`,
    );
  return { rows, ratios: pairs.flatMap(({ scheme }) => ratiosOf(medians, scheme, sizes.copyMib)), notes };
}

function fresh({ origin }: RunningMirror, bytes: number): string {
  return `${origin}/bytes/${bytes}/copy-${randomUUID()}`;
}

function notesOn(hasRclone: boolean, hasOpenssl: boolean): string[] {
  return [
    'The mirror is warm. Its time is from request to answer, including queue, entry and verification. rclone is one process for each copy, including its start.',
    ...(hasRclone ? [] : ['Not compared with rclone: the package rclone is missing.']),
    ...(hasOpenssl ? [] : ['Not measured over https: the package openssl is missing.']),
  ];
}

function ratiosOf(medians: readonly Medians<Turn>[], scheme: string, copyMib: number): Ratio[] {
  const mirror = valuesOf(medians, mirrorVia(scheme));
  const rclone = medians.find(({ what }) => what === rcloneVia(scheme))?.values;
  const compared: Ratio[] =
    rclone === undefined
      ? []
      : [
          {
            what: `warm copy throughput ÷ rclone copyurl, ${scheme}`,
            value: mirror.mbPerSecond / rclone.mbPerSecond,
            goal: { atLeast: 1, aim: 1.3 },
          },
          {
            what: `processor time of a copy ÷ rclone copyurl, ${scheme}`,
            value: mirror.cpuSeconds / rclone.cpuSeconds,
          },
        ];
  return [
    ...compared,
    {
      what: `copier's peak resident memory, MB, ${copyMib} MiB object, ${scheme}`,
      value: mirror.peakMB,
      goal: { atMost: 200, aim: 120 },
    },
  ];
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

/** rclone as people use it: one process for each copy, with its default upload parts. */
async function rcloneOnce(
  running: RunningMirror,
  sizeBytes: number,
  cores: string,
  certificate: LoopbackCertificate | undefined,
): Promise<Turn> {
  const { store } = running;
  const remote = `:s3,provider=Other,endpoint="${store}",access_key_id=test,secret_access_key=test,force_path_style=true:rclone/${randomUUID()}`;
  const script = join(import.meta.dirname, '..', 'processes', 'measured-run-main.ts');
  const trust = certificate === undefined ? [] : ['--ca-cert', certificate.certificate];
  const copy = ['copyurl', fresh(running, sizeBytes), remote];
  const output = await runToEnd(
    [process.execPath, script, 'rclone', '--config', '/dev/null', ...trust, ...copy],
    // rclone 1.60 refuses to start with a certificate bundle, and loopback needs none.
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
