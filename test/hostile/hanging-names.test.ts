import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { NameLookup } from '@cloud-mirror/name-lookup';
import { addressRecords, startDnsServer } from '@cloud-mirror/testing/dns-server';
import { eventually } from '@cloud-mirror/testing/eventually';
import { fetchOnWire } from '@cloud-mirror/testing/fetch';
import { redirectPath } from '@cloud-mirror/testing/mirror';
import { startOriginServer } from '@cloud-mirror/testing/origin-server';
import { openMirrorInProcess } from './mirror-in-process.ts';

const HANGING = 100;
const GOOD = 20;

test('names whose servers never answer do not stop copies from other names', async () => {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'hanging-names-'));
  opened.defer(() => rm(folder, { recursive: true }));
  const resolverFile = join(folder, 'resolv.conf');
  await writeFile(resolverFile, 'search .\n');
  const origin = opened.use(await startOriginServer());
  const { port } = new URL(origin.baseUrl);
  const dns = opened.use(
    await startDnsServer((question) =>
      question.name.endsWith('.hanging.test') ? null : { answers: addressRecords(question, ['127.0.0.1']) },
    ),
  );
  const names = opened.use(
    new NameLookup({ servers: [dns.address], hostsFile: join(folder, 'hosts'), resolverFile }),
  );
  const mirror = opened.use(
    await openMirrorInProcess({
      allow: [{ pattern: '^http://[a-z0-9.-]+:[0-9]+/', tls: 'optional', privateAddresses: true }],
      origin: { resolver: (host) => names.addressesOf(host) },
    }),
  );
  const at = (host: string): string =>
    mirror.url(redirectPath('local', 'here', `http://${host}:${port}/bytes/100`));

  const hanging = Array.from({ length: HANGING }, (_, index) =>
    fetchOnWire(at(`h${index}.hanging.test`), { headers: { prefer: 'wait=0' } }),
  );
  await eventually(() => dns.questions.some(({ name }) => name.endsWith('.hanging.test')));
  const answers = await Promise.all(
    Array.from({ length: GOOD }, (_, index) => fetchOnWire(at(`good${index}.example`))),
  );
  expect(answers.map(({ headers }) => headers['location'])).toEqual(
    Array.from({ length: GOOD }, () => expect.stringContaining('/v1/objects/') as string),
  );
  await Promise.all(hanging);
});
