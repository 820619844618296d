import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { addressRecords, startDnsServer } from '@cloud-mirror/testing/dns-server';
import { fetchOnWire } from '@cloud-mirror/testing/fetch';
import { embeddedConfig } from '@cloud-mirror/testing/mirror-config';
import { redirectPath } from '@cloud-mirror/testing/mirror';
import { startOriginServer } from '@cloud-mirror/testing/origin-server';
import { STANDALONE, startProgram } from '@cloud-mirror/testing/program';

/*
 * npm run test:hanging-names -- --names 50 --requests 50
 *
 * The standalone program in a mount namespace whose resolv.conf names a server of this script (root on Linux, and port 53
 * of 127.0.0.53 free). Asks for copies from good names, first alone, then while --names names of another zone are looked
 * up whose servers never answer. Exit status 1 if a good name gets no copy.
 */

const { values } = parseArgs({ options: { names: { type: 'string' }, requests: { type: 'string' } } });
const names = Number(values.names ?? 50);
const requests = Number(values.requests ?? 50);
if (!(names > 0) || !(requests > 0)) throw new RangeError('--names and --requests are numbers');

await using opened = new AsyncDisposableStack();
const folder = await mkdtemp(join(tmpdir(), 'hanging-names-'));
opened.defer(() => rm(folder, { recursive: true, force: true }));
const resolverFile = join(folder, 'resolv.conf');
await writeFile(resolverFile, 'nameserver 127.0.0.53\nsearch .\n');
const dns = opened.use(
  await startDnsServer(
    (question) =>
      question.name.endsWith('.hanging.test') ? null : { answers: addressRecords(question, ['127.0.0.1']) },
    { host: '127.0.0.53', port: 53 },
  ),
);
const origin = opened.use(await startOriginServer());
const { port } = new URL(origin.baseUrl);
const { config } = await embeddedConfig({
  origins: [],
  directory: join(folder, 'objects'),
  overrides: {
    server: { rateLimit: null },
    sources: {
      allow: [{ pattern: '^http://[a-z0-9.-]+:[0-9]+/', tls: 'optional', privateAddresses: true }],
    },
  },
});
const program = opened.use(
  await startProgram(STANDALONE, {
    config,
    under: [
      'unshare',
      '--mount',
      '/bin/sh',
      '-c',
      `mount --bind ${resolverFile} /etc/resolv.conf && exec "$0" "$@"`,
    ],
  }),
);
const urlOf = (host: string): string =>
  program.url(redirectPath('local', 'here', `http://${host}:${port}/bytes/100`));

interface Figures {
  readonly copies: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function askForCopies(zone: string): Promise<Figures> {
  const times: number[] = [];
  let copies = 0;
  for (let index = 0; index < requests; index += 1) {
    const begun = performance.now();
    const { headers } = await fetchOnWire(urlOf(`n${index}.${zone}`));
    times.push(performance.now() - begun);
    if (String(headers['location']).includes('/v1/objects/')) copies += 1;
  }
  times.sort((one, other) => one - other);
  const at = (share: number): number => Math.round(times[Math.floor(share * (times.length - 1))] ?? NaN);
  return { copies, p50Ms: at(0.5), p99Ms: at(0.99) };
}

await askForCopies('warm.example');
const alone = await askForCopies('alone.example');
const ended = new AbortController();
const hanging = Array.from({ length: names }, async (_, index) => {
  for (let round = 0; !ended.signal.aborted; round += 1)
    await fetchOnWire(urlOf(`h${index}-${round}.hanging.test`)).catch(() => null);
});
while (dns.asked('h0-0.hanging.test') === 0) await new Promise((resolve) => setTimeout(resolve, 10));
const attacked = await askForCopies('attacked.example');
ended.abort();
process.stdout.write(`${JSON.stringify({ requests, names, alone, attacked }, null, 2)}\n`);
process.exitCode = alone.copies === requests && attacked.copies === requests ? 0 : 1;
await program.stop();
await Promise.all(hanging);
