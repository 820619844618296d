import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openAdapters, parseConfig } from '@cloud-mirror/mirror';
import { createLogger } from '@cloud-mirror/program';
import { useCredentialsFile } from '@cloud-mirror/testing/credentials-file';
import { signingChecks } from '../src/doctor/signing-checks.ts';

/** The findings for credentials of a profile, which expire after `leftSeconds`, or never if that is null. */
async function findingsWith(leftSeconds: number | null, access = 'signed') {
  await using opened = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'cloud-mirror-signing-'));
  opened.defer(() => rm(directory, { recursive: true, force: true }));
  const answer = {
    Version: 1,
    AccessKeyId: 'AKIDTEMPORARY',
    SecretAccessKey: 'secret',
    ...(leftSeconds !== null && {
      SessionToken: 'session',
      Expiration: new Date(Date.now() + leftSeconds * 1000).toISOString(),
    }),
  };
  await writeFile(join(directory, 'answer.json'), JSON.stringify(answer));
  opened.use(
    await useCredentialsFile(`[temporary]\ncredential_process = cat ${join(directory, 'answer.json')}\n`),
  );
  const config = parseConfig(
    JSON.stringify({
      server: { publicUrl: 'https://mirror.example.com' },
      sources: { allow: [{ prefix: 'https://artifacts.example.com/' }] },
      entries: { kind: 'memory' },
      queue: { kind: 'memory' },
      services: {
        s3: {
          kind: 's3',
          access,
          signedUrlSeconds: 3600,
          credentials: { profile: 'temporary' },
          regions: { here: { bucket: 'bucket-1', endpoint: 'http://127.0.0.1:1', forcePathStyle: true } },
        },
      },
    }),
    {},
  );
  const logger = createLogger({
    level: 'silent',
    program: 'test',
    version: '0',
    destination: { write: () => undefined },
  });
  const adapters = opened.use(await openAdapters(config, { logger }));
  return await signingChecks.run({ config, adapters, signal: new AbortController().signal });
}

test.each([
  ['expire before', 1800, 'warning'],
  ['outlive', 7200, 'ok'],
  ['without an expiry outlive', null, 'ok'],
])('credentials %s the URLs that they sign', async (_name, leftSeconds, status) => {
  expect(await findingsWith(leftSeconds)).toMatchObject([
    { part: 's3/here store', check: 'signed_life', status },
  ]);
});

test('public copies are not checked', async () => {
  expect(await findingsWith(1800, 'public')).toEqual([]);
});
