import { readFile } from 'node:fs/promises';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ADMIN_TOKEN, embeddedConfig, READER_TOKEN } from '@cloud-mirror/testing/mirror-config';
import { startStandaloneMirror } from '@cloud-mirror/testing/mirror';
import { startOriginServer } from '@cloud-mirror/testing/origin-server';
import type { Program } from '@cloud-mirror/testing/program';
import { fuzzRoutes, type FuzzReport } from './route-fuzzer.ts';

export interface FuzzedMirrorReport extends FuzzReport {
  /** Log lines that report a defect of the program: `error` and `fatal`, except dead letters. */
  readonly errors: readonly unknown[];
  readonly residentMegabytes: { readonly before: number; readonly after: number };
  /** Whether the program still answered afterwards, and exited as it should. */
  readonly alive: boolean;
  readonly exit: number | null;
}

/** Origin paths of the requests: some work, some fail, and some redirect in unusual ways. */
const ORIGIN_PATHS = [
  '/bytes/10',
  '/bytes/100000',
  '/status/404',
  '/status/403',
  '/loop',
  '/redirect/3',
  '/redirect-nowhere',
  '/cut/1000?at=10',
  '/head-405/10',
  '/gzip',
  '/redirect-to?url=http%3A%2F%2F169.254.169.254%2F',
];

/** Spawns the standalone program and sends generated requests to it, up to a time or a number. */
export async function fuzzStandaloneMirror(options: {
  readonly seed: number;
  readonly seconds: number;
  readonly requests?: number;
}): Promise<FuzzedMirrorReport> {
  await using opened = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'cloud-mirror-test-'));
  opened.defer(() => rm(directory, { recursive: true, force: true }));
  const origin = opened.use(await startOriginServer());
  const config = await embeddedConfig({
    origins: [origin.baseUrl],
    directory,
    overrides: { server: { maxWaitSeconds: 1, drainSeconds: 20 }, copier: { graceSeconds: 5 } },
  });
  const errors: unknown[] = [];
  const { frontend } = opened.use(
    await startStandaloneMirror(config, {
      lines: {
        keep: 100,
        onLine(text) {
          if (isFault(text)) errors.push(JSON.parse(text));
        },
      },
    }),
  );
  const before = await residentMegabytes(frontend);
  const report = await fuzzRoutes({
    seed: options.seed,
    address: frontend.address,
    subjects: {
      urls: ORIGIN_PATHS.map((path) => origin.url(path)),
      backend: ['local', 'here'],
      tokens: [ADMIN_TOKEN, READER_TOKEN],
    },
    signal: AbortSignal.timeout(options.seconds * 1000),
    ...(options.requests === undefined ? {} : { requests: options.requests }),
  });
  const alive = await fetch(frontend.url('/livez')).then(
    ({ ok }) => ok,
    () => false,
  );
  const after = await residentMegabytes(frontend);
  const { code } = await frontend.stop();
  return { ...report, errors, residentMegabytes: { before, after }, alive, exit: code };
}

function isFault(line: string): boolean {
  return /"level":"(?:error|fatal)"/.test(line) && !line.includes('"outcome":"dead_letter"');
}

async function residentMegabytes({ pid }: Program): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024);
}
