import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeStorageProvider } from '@cloud-mirror/storage-provider/contract';
import { S3KindServer } from '@cloud-mirror/testing/s3-kinds/s3-kind-server';
import { S3_KINDS } from '@cloud-mirror/testing/s3-kinds/s3-kind';
import { CAPABILITY_NAMES } from '@cloud-mirror/storage-provider';
import { S3StorageProvider } from '../src/adapter.ts';
import type { StoreCapabilities } from '@cloud-mirror/storage-provider';
import { s3Subjects } from './s3-subject.ts';
import { KEY_LAYOUT } from './key-layout.ts';

/*
 * The contract holds for stores of every kind; the whole suite runs on those that differ most. Trials find out what a kind
 * lacks. Tests that need a missing capability are skipped with the reason; the others run without it.
 */

const KEYS_OF_TESTS = { accessKeyId: 'test', secretAccessKey: 'test' };

const SUITED = [S3_KINDS.radosgw, S3_KINDS.swift, S3_KINDS.minio, S3_KINDS.bare];

describe.each(SUITED)('a $name store', (kind) => {
  let server: S3KindServer;
  beforeAll(async () => {
    server = await S3KindServer.start(kind);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  describeStorageProvider(
    'keeps the contract',
    s3Subjects(async () => ({ endpoint: server.endpoint, region: 'us-east-1', ...KEYS_OF_TESTS }), {
      access: 'signed',
    }),
  );
});

const ALL = Object.fromEntries(CAPABILITY_NAMES.map((name) => [name, 'yes'])) as StoreCapabilities;
const FOUND: Readonly<Record<keyof typeof S3_KINDS, StoreCapabilities>> = {
  aws: ALL,
  radosgw: { ...ALL, conditionalReplace: 'no', checksums: 'no' },
  swift: {
    ...ALL,
    conditionalCreate: 'no',
    conditionalReplace: 'no',
    checksums: 'no',
    longMetadata: 'no',
    lifecycle: 'no',
  },
  minio: { ...ALL, emptySegments: 'no' },
  garage: { ...ALL, conditionalCreate: 'no', conditionalReplace: 'no', checksums: 'no', lifecycle: 'no' },
  cleaning: { ...ALL, emptySegments: 'no', lifecycle: 'no' },
  bare: {
    emptySegments: 'no',
    conditionalCreate: 'no',
    conditionalReplace: 'no',
    checksums: 'no',
    checksumHeaders: 'no',
    longMetadata: 'no',
    lifecycle: 'no',
  },
};

describe('what a store can do', () => {
  test.each(Object.entries(S3_KINDS))('is found out by trial: %s', async (name, kind) => {
    await using server = await S3KindServer.start(kind);
    const options = {
      bucket: 'copies',
      region: 'us-east-1',
      endpoint: server.endpoint,
      forcePathStyle: true,
      credentials: KEYS_OF_TESTS,
      access: 'signed' as const,
      signedUrlSeconds: 60,
      lifespanDays: 1,
      keyLayout: KEY_LAYOUT,
      retryDelayMs: 1,
    };
    await using provider = new S3StorageProvider(options);
    await provider.prepare({ longLivedPrefix: 'purged/', objectPrefixes: ['http', 'g/', 'sha256/'] });
    const found = await provider.tryCapabilities({ record: true });
    expect(found).toEqual(FOUND[name as keyof typeof FOUND]);
    // Only the record remains, for programs without permission for trials.
    expect(server.keys('copies')).toEqual(['about/store']);
    await using reader = new S3StorageProvider(options);
    expect(await reader.capabilities()).toEqual(found);
  });
});
