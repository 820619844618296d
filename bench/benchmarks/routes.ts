import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROJECT_ROOT } from '@cloud-mirror/testing/program';
import type { BenchContext, Benchmark, Findings, Row } from '../benchmark.ts';
import { interleaved, valuesOf, type Competitor, type Medians } from '../interleaved.ts';
import { HttpLoad } from '../load/http-load.ts';
import { addressIn, startScript, startUntilReady, type BenchProcess } from '../processes/bench-process.ts';
import { cpuSeconds } from '../processes/process-usage.ts';
import { rounded } from '../statistics.ts';

/** Enough for V8 to optimise the code that every request runs. */
const WARM_UP_SECONDS = 5;
const SETTLE_SECONDS = 1;
const ROUTES = 100;
const KEYS = 10_000;

type Turn = { perSecond: number; p50Ms: number; p99Ms: number; cpuMicros: number };

const ROUTER = 'router, signed 307 to S3';
const FOLDER = 'router, signed 307 to a folder';
const NODE = 'node:http, constant 307';

/** Signed redirects of the router, compared with a constant redirect. */
export const routes: Benchmark = {
  name: 'routes',
  summary: 'signed redirects of storage routes, each for another key, compared with node:http',
  run,
};

async function run({ sizes, cores, say }: BenchContext): Promise<Findings> {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'bench-router-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const node = opened.use(
    await startScript('baselines/bare-node-main.ts', { cores: cores.measured, args: ['307'] }),
  );
  const router = opened.use(await startRouter(folder, cores.measured));
  const { connections } = sizes;
  const loadOf = async (prefix: string): Promise<HttpLoad> =>
    opened.use(
      await HttpLoad.open({
        paths: Array.from(
          { length: KEYS },
          (_, n) => `/${prefix}${n % ROUTES}/builds/${n}/application-${n}.tar.gz`,
        ),
        connections,
        cores: cores.around,
      }),
    );
  const s3 = await loadOf('s3-');
  const competitors = [
    await competitor(ROUTER, router, s3, sizes.seconds),
    await competitor(NODE, node, s3, sizes.seconds),
    await competitor(FOLDER, router, await loadOf('folder-'), sizes.seconds),
  ];
  const medians = await interleaved(competitors, sizes.rounds, say);
  const router307 = valuesOf(medians, ROUTER).perSecond;
  const node307 = valuesOf(medians, NODE).perSecond;
  return {
    rows: medians.map(rowOf),
    ratios: [
      {
        what: 'signed 307s/s ÷ node:http constant 307',
        value: router307 / node307,
        goal: { atLeast: 0.5, aim: 0.7 },
      },
      { what: 'signed 307s/s to a folder ÷ to S3', value: valuesOf(medians, FOLDER).perSecond / router307 },
    ],
    notes: ['The router logs and counts each request; the constant redirect does not.'],
  };
}

async function startRouter(
  folder: string,
  cores: string,
): Promise<BenchProcess & { readonly address: string }> {
  const entries = Array.from({ length: ROUTES }, (_, n) => [
    [
      `/s3-${n}`,
      { s3: { bucket: `bucket-${n}`, access: 'AKIDEXAMPLE', secret: 'the-secret-key', region: 'us-west-2' } },
    ],
    [`/folder-${n}`, { store: 'local/here', prefix: `${n}/` }],
  ]).flat();
  await writeFile(join(folder, 'routes.json'), JSON.stringify(Object.fromEntries(entries)));
  const config = {
    server: { publicUrl: 'https://mirror.example.com' },
    services: { local: { kind: 'filesystem', directory: join(folder, 'objects'), regions: { here: {} } } },
    state: { directory: join(folder, 'state') },
    router: { port: 0, health: null, routesFile: join(folder, 'routes.json') },
  };
  const file = join(folder, 'config.yaml');
  await writeFile(file, JSON.stringify(config));
  const command = [process.execPath, join(PROJECT_ROOT, 'services/router/src/main.ts'), '--config', file];
  const started = await startUntilReady(command, { cores }, (output) =>
    output.includes('"msg":"ready"') ? addressIn(output) : null,
  );
  return { ...started, address: started.ready };
}

async function competitor(
  what: string,
  server: BenchProcess & { readonly address: string },
  load: HttpLoad,
  seconds: number,
): Promise<Competitor<Turn>> {
  server.resume();
  await load.run(server.address, WARM_UP_SECONDS);
  server.pause();
  return {
    what,
    turn: async () => {
      server.resume();
      await load.run(server.address, SETTLE_SECONDS);
      const before = await cpuSeconds(server.pid);
      const seen = await load.run(server.address, seconds);
      const spent = (await cpuSeconds(server.pid)) - before;
      server.pause();
      return {
        perSecond: seen.requestsPerSecond,
        p50Ms: seen.p50Ms,
        p99Ms: seen.p99Ms,
        cpuMicros: (spent / seen.requests) * 1e6,
      };
    },
  };
}

function rowOf({ what, values }: Medians<Turn>): Row {
  return {
    what,
    values: {
      'requests/s': rounded(values.perSecond),
      'p50 ms': rounded(values.p50Ms),
      'p99 ms': rounded(values.p99Ms),
      'CPU µs/request': rounded(values.cpuMicros),
    },
  };
}
