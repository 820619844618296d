import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchContext, Benchmark, Findings, Row } from '../benchmark.ts';
import { FirstRequests } from '../load/first-requests.ts';
import { MirrorUnderTest, targetOf } from '../mirror/mirror-under-test.ts';
import { ADMIN_TOKEN } from '@cloud-mirror/testing/mirror-config';
import { startOriginServer } from '@cloud-mirror/testing/origin-server';
import { startProtocolServer } from '@cloud-mirror/testing/protocol-server';
import { startPinnedRedis } from '../processes/pinned-redis.ts';
import { createHash } from 'node:crypto';

const HITS = 100;
const TOGETHER = 100;
/** Longer than calls after an answer take: jobs are acknowledged after the client has its answer. */
const SETTLE_MS = 1_500;
const IDLE_SECONDS = 20;
/** Long polls, which a copier makes whether there are jobs or not. */
const POLLING = 'ReceiveMessage';

/** The cost of each outcome of a request, in billed calls and in requests to the origin. */
export const calls: Benchmark = {
  name: 'calls',
  summary:
    'the cost of each outcome in S3 and SQS calls and in requests to the origin; the cost of an idle mirror',
  run,
};

async function run({ cores, say }: BenchContext): Promise<Findings> {
  await using opened = new AsyncDisposableStack();
  const redis = opened.use(await startPinnedRedis(cores.around));
  const cloud = opened.use(await startProtocolServer());
  const origin = opened.use(await startOriginServer());
  const sha256 = createHash('sha256').update(ADMIN_TOKEN).digest('hex');
  const mirror = new MirrorUnderTest(
    { redisUrl: redis.url, queue: cloud.endpoint, store: cloud.endpoint, origin: origin.baseUrl },
    {
      admin: { tokens: [{ name: 'bench', sha256, scopes: ['purge', 'flush'] }] },
      services: { s3: { partBytes: 5_242_880 } },
    },
  );
  const frontend = opened.use(await mirror.startFrontend(cores.measured));
  opened.use(await mirror.startCopier(cores.measured));
  const requests = opened.use(new FirstRequests(frontend.address));
  const small = origin.url('/bytes/1024?seed=1');
  const large = origin.url('/bytes/20971520?seed=1');
  const operate = async (path: string): Promise<void> => {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const answer = await fetch(frontend.address + path, { method: 'DELETE', headers });
    if (!answer.ok) throw new Error(`DELETE ${path} answered ${answer.status}: ${await answer.text()}`);
  };
  await requests.one(origin.url('/bytes/10?seed=warm-up'));
  await sleep(SETTLE_MS);

  const rows: Row[] = [];
  const billed = new Map<string, number>();
  const count = async (what: string, act: () => Promise<unknown>, times = 1): Promise<void> => {
    cloud.reset();
    origin.reset();
    await act();
    await sleep(SETTLE_MS);
    const operations = countBy(cloud.calls.map(({ operation }) => operation));
    const polls = operations.get(POLLING) ?? 0;
    operations.delete(POLLING);
    const sum = [...operations.values()].reduce((total, one) => total + one, 0);
    billed.set(what, sum / times);
    rows.push({
      what,
      values: {
        'billed calls': sum / times,
        'S3 and SQS': describe(operations, times),
        receives: polls,
        origin: describe(countBy(origin.requests.map(({ method }) => method)), times),
      },
    });
    say(`  ${what}`);
  };

  await count('miss, 1 KiB', () => requests.one(small));
  await count(`hit (mean of ${HITS})`, () => repeat(HITS, () => requests.one(small)), HITS);
  await count('miss, 20 MiB in parts of 5 MiB', () => requests.one(large));
  await count('revalidation', () => requests.one(small, { 'cache-control': 'no-cache' }));
  await count('flush of everything', () => operate('/v1/cache'));
  await count('backfill: copy there, entry lost', () => requests.one(small));
  await count(`${TOGETHER} first requests of one object at once`, () =>
    requests.atOnce(Array.from({ length: TOGETHER }, () => origin.url('/bytes/1024?seed=together'))),
  );
  const different = Array.from({ length: TOGETHER }, (_, seed) =>
    origin.url(`/bytes/1024?seed=many-${seed}`),
  );
  await count(`miss, among ${TOGETHER} at once (mean)`, () => requests.atOnce(different), TOGETHER);
  await count('miss, client does not wait', () =>
    requests.one(origin.url('/bytes/1024?seed=unwaited'), { prefer: 'wait=0' }),
  );
  await count('origin answers 404', () => requests.one(origin.url('/status/404')));
  await count('purge', () => operate(targetOf(small).replace('/redirect/', '/purge/')));
  await count('miss after a purge', () => requests.one(small));
  await count(`nothing, for ${IDLE_SECONDS} s`, () => sleep(IDLE_SECONDS * 1000 - SETTLE_MS));

  const hit = billed.get(`hit (mean of ${HITS})`) ?? Number.NaN;
  return {
    rows,
    ratios: [
      { what: 'billed calls for a hit', value: hit, goal: { atMost: 0, aim: 0 } },
      {
        what: 'billed calls for the miss of a small object, long polls that found nothing aside',
        value: (billed.get('miss, 1 KiB') ?? Number.NaN) + 1,
        goal: { atMost: 6, aim: 5 },
      },
    ],
    notes: [
      'A message costs a send, a receive and a delete. The receive that delivers it is counted under receives and added to the figure of a miss.',
      'Receives are long polls of at most 20 seconds; an idle copier makes one after the other for each back end.',
    ],
  };
}

function countBy(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function describe(counts: ReadonlyMap<string, number>, times: number): string {
  return [...counts].map(([name, count]) => `${count / times} ${name}`).join(', ') || 'none';
}

async function repeat(times: number, act: () => Promise<unknown>): Promise<void> {
  for (let time = 0; time < times; time += 1) await act();
}
