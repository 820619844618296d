import { connect } from 'node:net';
import { once } from 'node:events';
import type { BenchContext, Benchmark, Findings, Ratio, Row } from '../benchmark.ts';
import { missingPackages, startHaproxyMap, startNginxConstant, startNginxLua } from '../baselines/peers.ts';
import { interleaved, valuesOf, type Competitor, type Medians } from '../interleaved.ts';
import { HttpLoad } from '../load/http-load.ts';
import { zipfDraws } from '../load/zipf.ts';
import { fillEntries } from '../mirror/fill-entries.ts';
import { artifactUrl, MirrorUnderTest, targetOf } from '../mirror/mirror-under-test.ts';
import { redirectCount } from '../mirror/redirect-count.ts';
import { startScript, type BenchProcess } from '../processes/bench-process.ts';
import { startPinnedRedis } from '../processes/pinned-redis.ts';
import { cpuSeconds } from '../processes/process-usage.ts';
import { rounded } from '../statistics.ts';

const DRAWS = 200_000;
/** Long enough to request each of the URLs once. */
const WARM_UP_SECONDS = 8;
/** Start of each turn that is not measured, because a server that was paused must catch up. */
const SETTLE_SECONDS = 1;

type Turn = { perSecond: number; p50Ms: number; p99Ms: number; cpuMicros: number };

const MIRROR = 'mirror, Zipf';
const MIRROR_HOT = 'mirror, one hot URL';
const MIRROR_SIGNED = 'mirror, signed, Zipf';
const NODE = 'node:http, constant 302';
const KOA = 'Koa + router, constant 302';
const NGINX_LUA = 'nginx + Lua + Redis GET, Zipf';

/** Redirects to existing copies: hits, compared with alternatives. */
export const hits: Benchmark = {
  name: 'hits',
  summary:
    'redirects to existing copies, public and signed, compared with node:http, Koa, nginx + Lua + Redis, haproxy',
  run,
};

async function run(context: BenchContext): Promise<Findings> {
  const { sizes, cores, say } = context;
  await using opened = new AsyncDisposableStack();
  const redis = opened.use(await startPinnedRedis(cores.around));
  const store = opened.use(await startScript('servers/object-sink-main.ts', { cores: cores.around }));
  const servers = { redisUrl: redis.url, queue: null, store: store.address };
  const open = new MirrorUnderTest(servers);
  const signed = new MirrorUnderTest(servers, { services: { s3: { access: 'signed' } } });
  say(`filling Redis with ${sizes.urls} entries for each of two mirrors`);
  for (const mirror of [open, signed]) await fillEntries(redis.url, mirror.name, sizes.urls);

  const targets = Array.from({ length: sizes.urls }, (_, number) => targetOf(artifactUrl(number)));
  const { connections } = sizes;
  const spread = opened.use(
    await HttpLoad.open({
      paths: zipfDraws(sizes.urls, DRAWS).map((number) => targets[number] ?? ''),
      connections,
      cores: cores.around,
    }),
  );
  const hot = opened.use(
    await HttpLoad.open({ paths: [targets[0] ?? ''], connections, cores: cores.around }),
  );

  const competitor = async (
    what: string,
    server: { readonly address: string } & Partial<BenchProcess>,
    load: HttpLoad = spread,
  ): Promise<Competitor<Turn>> => {
    server.resume?.();
    await load.run(server.address, WARM_UP_SECONDS);
    server.pause?.();
    return {
      what,
      turn: async () => {
        // An idle Node process collects garbage on the measured processor, so servers are paused outside their turns.
        server.resume?.();
        await load.run(server.address, SETTLE_SECONDS);
        const before = await cpuOf(server.pid);
        const seen = await load.run(server.address, sizes.seconds);
        const spent = (await cpuOf(server.pid)) - before;
        server.pause?.();
        return {
          perSecond: seen.requestsPerSecond,
          p50Ms: seen.p50Ms,
          p99Ms: seen.p99Ms,
          cpuMicros: (spent / seen.requests) * 1e6,
        };
      },
    };
  };

  const frontend = opened.use(await open.startFrontend(cores.measured));
  const signing = opened.use(await signed.startFrontend(cores.measured));
  const node = opened.use(await startScript('baselines/bare-node-main.ts', { cores: cores.measured }));
  const koa = opened.use(await startScript('baselines/bare-koa-main.ts', { cores: cores.measured }));
  const competitors = [
    await competitor(MIRROR, frontend),
    await competitor(NODE, node),
    await competitor(KOA, koa),
    await competitor(MIRROR_HOT, frontend, hot),
    await competitor(MIRROR_SIGNED, signing),
  ];

  const missing = await missingPackages();
  const notes: string[] = [];
  if (missing.has('wrk')) notes.push('wrk is missing: autocannon makes the load and is the bottleneck.');
  const redirects = new Map(
    targets.map((target, number) => [
      target,
      `https://copies.example.com/bucket/${encodeURIComponent(artifactUrl(number))}`,
    ]),
  );
  const options = { cores: cores.measured, redirects, redis: { host: '127.0.0.1', port: redis.port } };
  if (missing.has('nginx') || missing.has('libnginx-mod-http-lua')) {
    notes.push('Not compared with nginx + Lua: the packages nginx and libnginx-mod-http-lua are missing.');
  } else {
    await fillForNginx(redis.port, redirects);
    competitors.push(await competitor(NGINX_LUA, opened.use(await startNginxLua(options))));
  }
  if (missing.has('nginx')) notes.push('Not compared with nginx: the package nginx is missing.');
  else
    competitors.push(await competitor('nginx, constant 302', opened.use(await startNginxConstant(options))));
  if (missing.has('haproxy')) notes.push('Not compared with haproxy: the package haproxy is missing.');
  else competitors.push(await competitor('haproxy, map, Zipf', opened.use(await startHaproxyMap(options))));

  const hitsOf = async (): Promise<number> => {
    frontend.resume();
    const count = await redirectCount(frontend.address, 'hit');
    frontend.pause();
    return count;
  };
  const before = await hitsOf();
  const medians = await interleaved(competitors, sizes.rounds, say);
  if ((await hitsOf()) === before) throw new Error('the measured requests were not hits');
  return { rows: medians.map(rowOf), ratios: ratiosOf(medians), notes };
}

function rowOf({ what, values }: Medians<Turn>): Row {
  const { perSecond, p50Ms, p99Ms, cpuMicros } = values;
  return {
    what,
    values: {
      'requests/s': rounded(perSecond),
      'p50 ms': rounded(p50Ms),
      'p99 ms': rounded(p99Ms),
      'CPU µs/request': Number.isNaN(cpuMicros) ? '' : rounded(cpuMicros),
    },
  };
}

function ratiosOf(medians: readonly Medians<Turn>[]): Ratio[] {
  const mirror = valuesOf(medians, MIRROR);
  const koa = valuesOf(medians, KOA);
  const lua = medians.find(({ what }) => what === NGINX_LUA)?.values;
  return [
    {
      what: 'hits/s ÷ node:http constant 302',
      value: mirror.perSecond / valuesOf(medians, NODE).perSecond,
      goal: { atLeast: 0.6, aim: 0.8 },
    },
    { what: 'hits/s ÷ bare Koa', value: mirror.perSecond / koa.perSecond },
    ...(lua === undefined
      ? []
      : [
          {
            what: 'hits/s ÷ nginx + Lua + Redis',
            value: mirror.perSecond / lua.perSecond,
            goal: { atLeast: 1, aim: 1.3 },
          },
        ]),
    { what: "p99 of hits ÷ bare Koa's", value: mirror.p99Ms / koa.p99Ms, goal: { atMost: 1.5, aim: 1 } },
    {
      what: 'signed hits/s ÷ public hits/s',
      value: valuesOf(medians, MIRROR_SIGNED).perSecond / mirror.perSecond,
      goal: { atLeast: 0.7, aim: 0.9 },
    },
    {
      what: 'Zipf hits/s ÷ hits/s of one hot URL',
      value: mirror.perSecond / valuesOf(medians, MIRROR_HOT).perSecond,
    },
  ];
}

async function cpuOf(pid: number | undefined): Promise<number> {
  return pid === undefined ? Number.NaN : cpuSeconds(pid);
}

async function fillForNginx(port: number, redirects: ReadonlyMap<string, string>): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  const commands = [...redirects].map(([target, location]) => {
    const key = `nginx:${target}`;
    return `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${location.length}\r\n${location}\r\n`;
  });
  let answered = 0;
  const done = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      for (const byte of chunk) if (byte === 0x0a && ++answered === redirects.size) resolve();
    });
  });
  socket.write(commands.join(''));
  await done;
  socket.destroy();
}
