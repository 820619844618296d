import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { closeToStrangers } from './close-to-strangers.ts';
import { AnsweringServer } from './answering-server.ts';
import { commandLine } from '@cloud-mirror/testing/command-line';

const { sqsEndpoint, sqsRegion, s3 } = inject('servers');

let opened: AsyncDisposableStack;
beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(() => opened.disposeAsync());

async function setup(name: string, queueEndpoint: string, storeEndpoint = s3.endpoint) {
  return run('setup', name, queueEndpoint, storeEndpoint);
}

async function run(command: 'setup' | 'doctor', name: string, queueEndpoint: string, storeEndpoint: string) {
  const directory = await mkdtemp(join(tmpdir(), 'cloud-mirror-cli-'));
  try {
    const file = join(directory, 'mirror.yaml');
    const config = {
      server: { publicUrl: 'https://mirror.example.com' },
      sources: { allow: [{ prefix: 'https://artifacts.example.com/builds/' }] },
      // Nothing listens there, because setup does not need Redis.
      entries: { kind: 'redis', url: 'redis://127.0.0.1:1/0' },
      queue: { kind: 'sqs', name: `${name}-{service}-{region}`, region: sqsRegion, endpoint: queueEndpoint },
      services: {
        s3: {
          kind: 's3',
          regions: {
            lab: { bucket: name, endpoint: storeEndpoint, region: s3.region, forcePathStyle: true },
          },
        },
      },
    };
    // JSON is valid YAML.
    await writeFile(file, JSON.stringify(config));
    const env = {
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    return await commandLine([command, '--config', file], { env });
  } finally {
    await rm(directory, { recursive: true });
  }
}

test('buckets and queues are created once', async () => {
  const name = `setup-${randomUUID()}`;
  const first = await setup(name, sqsEndpoint);
  expect(first.stderr).toBe('');
  expect(first.stdout.toString()).toMatch(new RegExp(`^s3/lab store: .*${name}`, 'm'));
  expect(first.stdout.toString()).toMatch(new RegExp(`^s3/lab queue: .*${name}-s3-lab_dead`, 'm'));
  expect(first.status).toBe(0);
  const second = await setup(name, sqsEndpoint);
  expect(second.stdout.toString()).toMatch(/^s3\/lab queue: all in place$/m);
  expect(second.status).toBe(0);
});

test('an unreachable queue does not prevent the creation of the bucket', async () => {
  const closed = await AnsweringServer.listen();
  const { address } = closed;
  await closed[Symbol.asyncDispose]();
  const name = `setup-${randomUUID()}`;
  const { status, stdout, stderr } = await setup(name, address);
  expect(stdout.toString()).toMatch(new RegExp(`^s3/lab store: .*${name}`, 'm'));
  expect(stdout.toString()).toMatch(/^s3\/lab queue: failed: /m);
  expect(stderr).toBe('error: not set up: s3/lab queue; fix the cause and run setup again, which is safe\n');
  expect(status).toBe(1);
});

test('setup and doctor report a public bucket that clients may not read, with a remedy', async () => {
  const closed = opened.use(await closeToStrangers(s3.endpoint));
  const name = `setup-${randomUUID()}`;
  const message = /clients may not read copies: 127\.0\.0\.1:\d+ answers 403 without credentials/;
  const set = await setup(name, sqsEndpoint, closed.endpoint);
  expect(set.stdout.toString()).toMatch(
    new RegExp(`^s3/lab store: failed: ${message.source}.*access: signed`, 'm'),
  );
  expect(set.stdout.toString()).toMatch(new RegExp(`^s3/lab store: created bucket ${name}`, 'm'));
  expect(set.status).toBe(1);
  const doctor = await run('doctor', name, sqsEndpoint, closed.endpoint);
  expect(doctor.stdout.toString()).toMatch(new RegExp(`FAIL  s3/lab store: public_read: ${message.source}`));

  closed.open();
  expect((await setup(name, sqsEndpoint, closed.endpoint)).status).toBe(0);
  const well = await run('doctor', name, sqsEndpoint, closed.endpoint);
  expect(well.stdout.toString()).toMatch(/ok {4}s3\/lab store: public_read: /);
});
