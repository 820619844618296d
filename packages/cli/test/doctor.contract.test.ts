import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandLine } from '@cloud-mirror/testing/command-line';
import { type RedisServer, startRedis } from '@cloud-mirror/testing/redis-server';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Finding } from '../src/doctor/check-group.ts';

const { redisUrl, sqsEndpoint, sqsRegion, s3 } = inject('servers');

interface Parts {
  readonly name: string;
  readonly redis?: string;
  readonly store?: string;
}

/** Runs one command with a configuration of real parts, or of the parts that the argument names. */
async function run(command: 'setup' | 'doctor', { name, redis, store }: Parts, ...args: string[]) {
  const directory = await mkdtemp(join(tmpdir(), 'cloud-mirror-doctor-'));
  try {
    const file = join(directory, 'mirror.yaml');
    const region = {
      bucket: name,
      endpoint: store ?? s3.endpoint,
      region: s3.region,
      forcePathStyle: true,
    };
    const config = {
      server: { publicUrl: 'https://mirror.example.com' },
      sources: { allow: [{ prefix: 'https://artifacts.example.com/builds/' }] },
      entries: { kind: 'redis', url: redis ?? redisUrl, keyPrefix: name },
      queue: { kind: 'sqs', name: `${name}-{service}-{region}`, region: sqsRegion, endpoint: sqsEndpoint },
      services: { s3: { kind: 's3', access: 'signed', regions: { lab: region } } },
    };
    // JSON is valid YAML.
    await writeFile(file, JSON.stringify(config));
    const env = {
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    return await commandLine([command, '--config', file, ...args], { env });
  } finally {
    await rm(directory, { recursive: true });
  }
}

function report(stdout: Buffer): { status: string; findings: readonly Finding[] } {
  return JSON.parse(stdout.toString()) as { status: string; findings: readonly Finding[] };
}

describe('doctor', () => {
  test('finds no failure after setup', async () => {
    const name = `doctor-${randomUUID()}`;
    expect((await run('setup', { name })).status).toBe(0);
    const { status, stdout, stderr } = await run('doctor', { name }, '--json');
    expect(stderr).toBe('');
    const { findings } = report(stdout);
    expect(findings.filter((finding) => finding.status === 'failure')).toEqual([]);
    for (const part of ['entries', 's3/lab queue', 's3/lab store'])
      expect(findings).toContainEqual(expect.objectContaining({ part, check: 'reachable', status: 'ok' }));
    expect(status).toBe(0);
  });

  test('reports each missing part with a remedy, even if Redis is down', async () => {
    const name = `doctor-${randomUUID()}`;
    const { status, stdout, stderr } = await run(
      'doctor',
      { name, redis: 'redis://127.0.0.1:1/0' },
      '--json',
    );
    const { status: overall, findings } = report(stdout);
    expect(overall).toBe('failure');
    for (const part of ['entries', 's3/lab queue', 's3/lab store'])
      expect(findings).toContainEqual(
        expect.objectContaining({
          part,
          check: 'reachable',
          status: 'failure',
          remedy: expect.stringMatching(/./) as string,
        }),
      );
    expect(stderr).toBe('error: failures: entries, s3/lab queue, s3/lab store\n');
    expect(status).toBe(1);
  });

  describe('with a Redis that refuses', () => {
    let server: RedisServer;
    let operator: Redis;
    beforeAll(async () => {
      server = await startRedis();
      operator = new Redis(server.url);
    });
    afterAll(async () => {
      operator.disconnect();
      await server.stop();
    });

    const RULE =
      '+get +mget +set +del +unlink +scan +eval +evalsha +time +publish +subscribe +ping +info +select +quit';

    test.each([
      ['a wrong password', '>right', 'wrong', 'WRONGPASS', /entries\.password/],
      ['no channels', '>pw resetchannels', 'pw', 'NOPERM', /redis\.md/],
      ['no subscription', '>pw -subscribe', 'pw', 'NOPERM', /redis\.md/],
      ['no scripts', '>pw -eval -evalsha', 'pw', 'NOPERM', /redis\.md/],
    ])('reports the reason and the remedy: %s', async (_name, changes, password, word, remedy) => {
      const name = `doctor-${randomUUID()}`;
      const rule = `on ~{${name}:* &${name}:changes -@all ${RULE} ${changes}`;
      await operator.call('ACL', 'SETUSER', name, ...rule.split(' '));
      const redis = `redis://${name}:${password}@127.0.0.1:${server.port}`;
      const { stdout } = await run('doctor', { name, redis }, '--json');
      const refused = report(stdout).findings.find(({ check }) => check === 'permitted');
      expect(refused).toMatchObject({
        part: 'entries',
        status: 'failure',
        detail: expect.stringContaining(word) as string,
        remedy: expect.stringMatching(remedy) as string,
      });
      expect(stdout.toString()).not.toContain(`:${password}@`);
    });

    test('reports a Redis that will refuse writes when it is full, and its version', async () => {
      await operator.config('SET', 'maxmemory', '100mb');
      await operator.config('SET', 'maxmemory-policy', 'noeviction');
      const name = `doctor-${randomUUID()}`;
      const { stdout } = await run('doctor', { name, redis: server.url }, '--json');
      const { findings } = report(stdout);
      expect(findings).toContainEqual(
        expect.objectContaining({ part: 'entries', check: 'eviction', status: 'warning' }),
      );
      expect(findings).toContainEqual(
        expect.objectContaining({
          part: 'entries',
          check: 'version',
          status: 'ok',
          detail: expect.stringMatching(/^Redis \d+\.\d+/) as string,
        }),
      );
    });
  });

  test('prints text without --json', async () => {
    const name = `doctor-${randomUUID()}`;
    const { status, stdout } = await run('doctor', { name });
    expect(stdout.toString()).toMatch(/^FAIL {2}s3\/lab store: reachable: .*no bucket/m);
    expect(stdout.toString()).toMatch(/^ok {4}entries: reachable: /m);
    expect(status).toBe(1);
  });

  test('exits 2 for an invalid configuration', async () => {
    const { status, stderr } = await run('doctor', { name: 'x', redis: 'http://127.0.0.1' });
    expect(stderr).toContain('entries.url');
    expect(status).toBe(2);
  });
});
