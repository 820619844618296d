import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commandLine } from '@cloud-mirror/testing/command-line';
import { eventually } from '@cloud-mirror/testing/eventually';
import { fetchOnWire, fetchThrough } from '@cloud-mirror/testing/fetch';
import {
  ADMIN_TOKEN,
  copierConfig,
  distributedConfig,
  merged,
  type MirrorConfig,
} from '@cloud-mirror/testing/mirror-config';
import { startOriginServer, type OriginServer } from '@cloud-mirror/testing/origin-server';
import { COPIER, FRONTEND, startProgram, type Program } from '@cloud-mirror/testing/program';
import { startProtocolServer, type ProtocolServer } from '@cloud-mirror/testing/protocol-server';
import { redirectPath } from '@cloud-mirror/testing/mirror';
import { startRedis } from '@cloud-mirror/testing/redis-server';
import { IamPolicy, permissionsFor, type Permission } from './iam-policy.ts';

/*
 * Each program does everything that it can do, with its own access key. Every call is checked against its policy in
 * docs/deploy/iam. The test uses the names of buckets and queues from the policies.
 */

const REGION = 'us-west-2';
const OPERATOR = { Authorization: `Bearer ${ADMIN_TOKEN}` };

let opened: AsyncDisposableStack;
let aws: ProtocolServer;
let origin: OriginServer;
let frontend: Program;

const SECRET = 'secret';
const keysOf = (who: string) => ({ AWS_ACCESS_KEY_ID: who, AWS_SECRET_ACCESS_KEY: SECRET });

async function setUp(config: MirrorConfig): Promise<void> {
  // A queue that was created without its dead-letter queue is repaired.
  await fetchOnWire(aws.endpoint, {
    method: 'POST',
    headers: { 'x-amz-target': 'AmazonSQS.CreateQueue', 'content-type': 'application/x-amz-json-1.0' },
    body: JSON.stringify({ QueueName: `cloud-mirror-s3-${REGION}` }),
  });
  const folder = await mkdtemp(join(tmpdir(), 'cloud-mirror-test-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'mirror.yaml');
  await writeFile(file, JSON.stringify(config.config));
  const env = { ...keysOf('setup'), AWS_EC2_METADATA_DISABLED: 'true' };
  const { status, stderr } = await commandLine(['setup', '--config', file], { env });
  expect(status, stderr).toBe(0);
}

beforeAll(async () => {
  opened = new AsyncDisposableStack();
  const secrets = { setup: SECRET, frontend: SECRET, copier: SECRET };
  aws = opened.use(await startProtocolServer({ secrets }));
  origin = opened.use(await startOriginServer());
  const redis = opened.use(await startRedis());
  const servers = {
    redisUrl: redis.url,
    sqsEndpoint: aws.endpoint,
    sqsRegion: aws.region,
    s3: {
      endpoint: aws.endpoint,
      region: aws.region,
      accessKeyId: 'test',
      secretAccessKey: 'test',
      given: false,
    },
  };
  const s3 = {
    bucket: `example-mirror-${REGION}`,
    endpoint: aws.endpoint,
    region: aws.region,
    forcePathStyle: true,
  };
  const config = await distributedConfig(servers, {
    origins: [origin.baseUrl],
    overrides: {
      entries: { errorSeconds: { first: 1, longest: 1 }, originAnswerSeconds: 1 },
      queue: { name: 'cloud-mirror-{service}-{region}', create: false, maxReceiveCount: 1 },
      services: { s3: { create: false, access: 'signed', partBytes: 5 * 1024 ** 2 } },
    },
  });
  // The regions are replaced as a whole.
  const services = { s3: { ...(config.config['services'] as { s3: object }).s3, regions: { [REGION]: s3 } } };
  const mirror = { ...config, config: { ...config.config, services }, regions: [REGION] } as MirrorConfig;
  await setUp(mirror);
  frontend = opened.use(await startProgram(FRONTEND, { config: mirror.config, env: keysOf('frontend') }));
  const copier = merged(copierConfig(mirror, REGION), { copier: { graceSeconds: 5, concurrency: 2 } });
  opened.use(await startProgram(COPIER, { config: copier, env: keysOf('copier') }));
  await doEverything();
}, 120_000);

afterAll(() => opened.disposeAsync());

const ask = (path: string) => fetchThrough(frontend.url(redirectPath('s3', REGION, origin.url(path))));
const encoded = (path: string) => Buffer.from(origin.url(path)).toString('base64url');

async function operate(method: 'GET' | 'POST' | 'DELETE', path: string, status = 200): Promise<void> {
  const answer = await fetchOnWire(frontend.url(path), { method, headers: OPERATOR });
  expect(answer.status, answer.text).toBe(status);
}

async function doEverything(): Promise<void> {
  await ask('/bytes/100');
  await ask(`/bytes/${11 * 1024 ** 2}`);
  await ask(`/stream/${6 * 1024 ** 2}`);
  await ask(`/bytes/10?${'x'.repeat(1200)}`);
  // A hit, and a revalidation.
  await ask('/bytes/100');
  await fetchOnWire(frontend.url(redirectPath('s3', REGION, origin.url('/bytes/100'))), {
    headers: { 'Cache-Control': 'no-cache' },
  });
  // A copy that is found in the store after the entries were lost.
  await operate('DELETE', `/v1/cache/s3/${REGION}`);
  await ask('/bytes/100');
  // A purge, a copy of the new generation, and another purge.
  await operate('DELETE', `/v1/purge/s3/${REGION}/${encoded('/bytes/100')}`, 204);
  await ask('/bytes/100');
  await operate('DELETE', `/v1/purge/s3/all/${encoded('/bytes/100')}`);
  await operate('GET', `/v1/status/s3/${REGION}/${encoded('/bytes/100')}`);
  // A failed upload is aborted, and its job becomes a dead letter at once.
  await fetchOnWire(
    frontend.url(
      redirectPath('s3', REGION, origin.url(`/cut/${11 * 1024 ** 2}?at=9000000&times=99&ranges=none`)),
    ),
  );
  await eventually(() => aws.calls.some(({ operation }) => operation === 'AbortMultipartUpload'));
  await eventually(() =>
    aws.calls.some(({ operation, queue }) => operation === 'SendMessage' && queue?.endsWith('_dead')),
  );
  await fillCopier();
  const deadLetters = `/v1/dead-letters/s3/${REGION}`;
  await eventually(async () => {
    const { text } = await fetchOnWire(frontend.url(deadLetters), { headers: OPERATOR });
    return text.includes('/cut/');
  });
  await operate('POST', `${deadLetters}/redrive`);
  await operate('DELETE', deadLetters);
  await operate('DELETE', `/v1/queue/s3/${REGION}`);
  for (const path of ['/readyz', '/metrics', '/v1/backends']) await fetchOnWire(frontend.url(path));
}

/** Requests more objects than the copier keeps waiting, so that it sends jobs back to the queue. */
async function fillCopier(): Promise<void> {
  const paths = Array.from({ length: 20 }, (_, index) => `/bytes/10?held=${index}`);
  using held = new DisposableStack();
  for (const path of paths) held.use(origin.hold(path));
  const wait = { headers: { prefer: 'wait=0' } };
  const requests = paths.map((path) =>
    fetchOnWire(frontend.url(redirectPath('s3', REGION, origin.url(path))), wait),
  );
  await Promise.all(requests);
  await eventually(() =>
    aws.calls.some(
      ({ accessKeyId, operation, queue }) =>
        accessKeyId === 'copier' && operation.startsWith('SendMessage') && !queue?.endsWith('_dead'),
    ),
  );
}

describe.each([
  ['frontend', 'frontend'],
  ['copier', 'copier'],
  ['setup', 'setup'],
])('the policy of %s', (who, name) => {
  test('allows every call of the program', async () => {
    const policy = await IamPolicy.read(name);
    const calls = aws.calls.filter(({ accessKeyId }) => accessKeyId === who);
    // Clients follow the front end's signed addresses, and these requests use its permissions.
    const needed = new Set(calls.flatMap(permissionsFor).map((one) => JSON.stringify(one)));
    expect(needed.size).toBeGreaterThan(3);
    const refused = [...needed].filter((one) => !policy.allows(JSON.parse(one) as Permission));
    expect(refused).toEqual([]);
  });

  test('allows no action that the program does not use', async () => {
    const policy = await IamPolicy.read(name);
    const used = new Set<string>();
    const calls = aws.calls.filter(({ accessKeyId }) => accessKeyId === who);
    for (const permission of calls.flatMap(permissionsFor))
      for (const { Sid } of policy.allowing(permission)) used.add(`${Sid} ${permission.action}`);
    const granted = policy.statements.flatMap(({ Sid, Action }) =>
      Action.map((action) => `${Sid} ${action}`),
    );
    expect(granted.filter((one) => !used.has(one))).toEqual([]);
  });
});

const KEYS = ['http://a.test/x', 'https://a.test/x', 'g/n0nce/https://a.test/x', `sha256//${'0'.repeat(64)}`];
const object = (key: string) => `arn:aws:s3:::example-mirror-${REGION}/${key}`;
const MARKER = `purged/${'0'.repeat(64)}`;

test('copiers can neither delete objects nor undo a purge', async () => {
  const copier = await IamPolicy.read('copier');
  for (const key of [...KEYS, MARKER]) {
    expect(copier.allows({ action: 's3:DeleteObject', resource: object(key) })).toBe(false);
    expect(copier.allows({ action: 's3:GetObject', resource: object(key) })).toBe(true);
    expect(copier.allows({ action: 's3:PutObject', resource: object(key) })).toBe(key !== MARKER);
  }
  expect(copier.statements.flatMap(({ Action }) => Action)).not.toContain('sqs:PurgeQueue');
});

test('front ends can write only purge markers, and cannot delete them', async () => {
  const front = await IamPolicy.read('frontend');
  for (const key of [...KEYS, MARKER]) {
    expect(front.allows({ action: 's3:PutObject', resource: object(key) })).toBe(key === MARKER);
    expect(front.allows({ action: 's3:DeleteObject', resource: object(key) })).toBe(key !== MARKER);
  }
});

test.each(['frontend', 'copier', 'setup'])(
  '%s names actions and resources without a wildcard for all',
  async (name) => {
    const { statements } = await IamPolicy.read(name);
    for (const { Effect, Action, Resource } of statements) {
      expect(Effect).toBe('Allow');
      for (const action of Action) expect(action).toMatch(/^(?:s3|sqs):[A-Za-z]+$/);
      for (const resource of Resource)
        expect(resource).toMatch(
          /^arn:aws:(?:s3:::example-mirror-|sqs:us-west-2:123456789012:cloud-mirror-)/,
        );
    }
  },
);
