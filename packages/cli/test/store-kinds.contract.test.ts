import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandLine } from '@cloud-mirror/testing/command-line';
import { S3_KINDS } from '@cloud-mirror/testing/s3-kinds/s3-kind';
import type { S3Kind } from '@cloud-mirror/testing/s3-kinds/s3-kind';
import { S3KindServer } from '@cloud-mirror/testing/s3-kinds/s3-kind-server';
import { expect, inject, test } from 'vitest';
import type { Finding } from '../src/doctor/check-group.ts';

const { redisUrl, sqsEndpoint, sqsRegion } = inject('servers');

/** Runs commands with one configuration whose store is of this kind. */
async function withStore(
  kind: S3Kind,
  keys: 'url' | 'hashed',
  use: (
    run: (...args: readonly string[]) => ReturnType<typeof commandLine>,
    server: S3KindServer,
  ) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'cloud-mirror-kinds-'));
  const name = `kinds-${randomUUID()}`;
  try {
    await using server = await S3KindServer.start(kind);
    const file = join(directory, 'mirror.yaml');
    const region = { bucket: 'copies', endpoint: server.endpoint, region: 'us-east-1', forcePathStyle: true };
    const config = {
      server: { publicUrl: 'https://mirror.example.com' },
      sources: { allow: [{ prefix: 'https://artifacts.example.com/builds/' }] },
      entries: { kind: 'redis', url: redisUrl, keyPrefix: name },
      queue: { kind: 'sqs', name: `${name}-{service}-{region}`, region: sqsRegion, endpoint: sqsEndpoint },
      services: { s3: { kind: 's3', access: 'signed', keys, regions: { lab: region } } },
    };
    // JSON is YAML.
    await writeFile(file, JSON.stringify(config));
    const env = {
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    await use((command, ...args) => commandLine([command ?? '', '--config', file, ...args], { env }), server);
  } finally {
    await rm(directory, { recursive: true });
  }
}

function findings(stdout: Buffer): readonly Finding[] {
  return (JSON.parse(stdout.toString()) as { findings: readonly Finding[] }).findings;
}

test('setup and doctor say that a store needs keys: hashed', async () => {
  await withStore(S3_KINDS.minio, 'url', async (run, server) => {
    const { status, stdout } = await run('setup');
    expect(stdout.toString()).toMatch(/^s3\/lab store: failed: .*keys: hashed/m);
    expect(status).toBe(1);
    const doctor = await run('doctor', '--json');
    expect(findings(doctor.stdout)).toContainEqual(
      expect.objectContaining({
        part: 's3/lab store',
        check: 'empty_segments',
        status: 'failure',
        remedy: expect.stringContaining('keys: hashed') as string,
      }),
    );
    expect(doctor.status).toBe(1);
    expect(server.keys('copies')).toEqual(['about/store']);
  });
});

test('with keys: hashed the same store lacks nothing', async () => {
  await withStore(S3_KINDS.minio, 'hashed', async (run) => {
    const { status, stdout } = await run('setup');
    expect(stdout.toString()).not.toContain('failed');
    expect(status).toBe(0);
    const doctor = await run('doctor', '--json');
    const store = findings(doctor.stdout).filter(({ part }) => part === 's3/lab store');
    expect(store.map(({ check, status: found }) => [check, found])).toEqual([
      ['reachable', 'ok'],
      ['capabilities', 'ok'],
      ['signed_life', 'ok'],
      ['clock', 'ok'],
    ]);
    expect(doctor.status).toBe(0);
  });
});

test('setup succeeds on a store without lifecycle rules, conditions and long metadata, and says what that costs', async () => {
  await withStore(S3_KINDS.swift, 'url', async (run, server) => {
    const { status, stdout } = await run('setup');
    for (const told of [/no lifecycle rules/, /If-None-Match/, /If-Match/, /256 bytes/])
      expect(stdout.toString()).toMatch(told);
    expect(stdout.toString()).not.toContain('failed');
    expect(status).toBe(0);
    const doctor = await run('doctor', '--json');
    const warned = findings(doctor.stdout).filter(
      ({ part, status: found }) => part === 's3/lab store' && found === 'warning',
    );
    expect(warned.map(({ check }) => check)).toEqual([
      'conditional_create',
      'conditional_replace',
      'checksums',
      'long_metadata',
      'lifecycle',
    ]);
    expect(doctor.status).toBe(0);
    expect(server.keys('copies')).toEqual(['about/store']);
  });
});
