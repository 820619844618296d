import { Pool } from 'undici';
import type { BenchContext, Benchmark, Findings, Row } from '../benchmark.ts';
import { fillEntries } from '../mirror/fill-entries.ts';
import { artifactUrl, targetOf } from '../mirror/mirror-under-test.ts';
import { startMirror } from '../mirror/running-mirror.ts';
import { peakResidentMB, residentMB } from '../processes/process-usage.ts';
import { rounded } from '../statistics.ts';

const CONNECTIONS = 128;

interface Asked {
  readonly seconds: number;
  /** Answers with another status than the expected one: a busy machine redirects to the origin when a part is late. */
  readonly others: number;
}

/** What a stranger can make a front end remember: URLs that do not exist, and URLs that do. */
export const memory: Benchmark = {
  name: 'memory',
  summary: 'memory of a front end that is asked for many different URLs: ones that do not exist, then hits',
  run,
};

/** As docs/reliability.md says for a container of 512 MB. */
const CONTAINER_FLAGS = ['--max-old-space-size=256'];
/** 512 MiB. */
const CONTAINER_MB = 537;

async function run(context: BenchContext): Promise<Findings> {
  const rows = [
    ...(await scan(context, 'default flags', [])),
    ...(await scan(context, CONTAINER_FLAGS.join(' '), CONTAINER_FLAGS)),
  ];
  const peak = Math.max(...rows.slice(rows.length / 2).map(({ values }) => Number(values['peak MB'])));
  return {
    rows,
    ratios: [
      {
        what: `peak memory with ${CONTAINER_FLAGS.join(' ')} ÷ ${CONTAINER_MB} MB`,
        value: peak / CONTAINER_MB,
        goal: { atMost: 1, aim: 0.9 },
      },
    ],
    notes: ['V8 collects garbage only when it must, so a process holds more than it uses.'],
  };
}

async function scan(
  { sizes, cores, say }: BenchContext,
  how: string,
  frontendFlags: readonly string[],
): Promise<Row[]> {
  await using mirror = await startMirror({ cores, copiers: 0, store: 'sink', frontendFlags });
  const { frontend, origin } = mirror;
  const rows: Row[] = [];
  const record = async (what: string, asked?: Asked): Promise<void> => {
    const values = {
      'front end MB': rounded(await residentMB(frontend.pid)),
      'peak MB': rounded(await peakResidentMB(frontend.pid)),
      seconds: asked === undefined ? '' : rounded(asked.seconds),
      'other answers': asked === undefined ? '' : asked.others,
    };
    say(`  ${what}: ${values['front end MB']} MB`);
    rows.push({ what: `${what}, ${how}`, values });
  };
  await record('at the start');
  const absent = (number: number): string =>
    targetOf(`${origin}/absent/${number}/x86_64-linux/target.tar.zst`);
  await record(
    `${sizes.strangers} different 404s`,
    await ask(frontend.address, sizes.strangers, absent, 404),
  );
  say(`  filling Redis with ${sizes.urls} entries`);
  await fillEntries(mirror.redisUrl, mirror.mirror.name, sizes.urls);
  const hit = (number: number): string => targetOf(artifactUrl(number));
  for (const turn of ['first', 'second'])
    await record(
      `${sizes.urls} different hits, ${turn} time`,
      await ask(frontend.address, sizes.urls, hit, 302),
    );
  const named = (number: number): string => `${hit(number % 100)}?n=${'n'.repeat(1_000)}${number}`;
  await record(
    `${sizes.urls} spellings of 100 hits, of 1,000 characters`,
    await ask(frontend.address, sizes.urls, named, 302),
  );
  return rows;
}

/** Sends each request once. */
async function ask(
  address: string,
  count: number,
  targetOfNumber: (number: number) => string,
  status: number,
): Promise<Asked> {
  const pool = new Pool(address, { connections: CONNECTIONS });
  const begun = performance.now();
  let next = 0;
  let others = 0;
  const askInTurn = async (): Promise<void> => {
    while (next < count) {
      const { statusCode, body } = await pool.request({ path: targetOfNumber(next++), method: 'GET' });
      await body.dump();
      if (statusCode !== status) others += 1;
    }
  };
  try {
    await Promise.all(Array.from({ length: CONNECTIONS }, askInTurn));
  } finally {
    await pool.destroy();
  }
  return { seconds: (performance.now() - begun) / 1000, others };
}
