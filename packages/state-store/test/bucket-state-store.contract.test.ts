import { randomUUID } from 'node:crypto';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { startProtocolServer } from '@cloud-mirror/testing/protocol-server';
import { startTcpProxy } from '@cloud-mirror/testing/tcp-proxy';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { S3_KINDS } from '@cloud-mirror/testing/s3-kinds/s3-kind';
import { S3KindServer } from '@cloud-mirror/testing/s3-kinds/s3-kind-server';
import { BucketStateStore } from '@cloud-mirror/state-store/bucket';
import { stateStoreContract } from '@cloud-mirror/state-store/contract';

const opened: AsyncDisposable[] = [];
afterAll(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

interface Place {
  readonly endpoint: string;
  readonly region?: string;
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly bucket?: string;
}

function storeAt(
  { endpoint, region = 'us-east-1', bucket = 'states', ...keys }: Place,
  prefix = `${randomUUID()}/`,
) {
  const { accessKeyId = 'test', secretAccessKey = 'test' } = keys;
  const store = new BucketStateStore({
    bucket,
    prefix,
    region,
    endpoint,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    requestTimeoutMs: 20_000,
  });
  opened.push(store);
  return store;
}

/** Subjects behind a proxy of their own, which can be cut. */
function subjects(place: () => Place) {
  return async () => {
    const { endpoint, ...rest } = place();
    const { hostname, port } = new URL(endpoint);
    const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    opened.push(proxy);
    const prefix = `${randomUUID()}/`;
    return {
      open: async () => storeAt({ endpoint: `http://127.0.0.1:${proxy.port}`, ...rest }, prefix),
      breakStore: () => proxy.set({ kind: 'reset' }),
      mend: () => proxy.set({ kind: 'pass' }),
    };
  };
}

async function createBucket({ endpoint, region = 'us-east-1', ...keys }: Place): Promise<void> {
  const { accessKeyId = 'test', secretAccessKey = 'test' } = keys;
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials });
  try {
    await client.send(new CreateBucketCommand({ Bucket: 'states' }));
  } catch (error) {
    if ((error as Error).name !== 'BucketAlreadyOwnedByYou') throw error;
  } finally {
    client.destroy();
  }
}

describe('the S3 server of the tests', () => {
  const given = inject('servers').s3;
  let place: Place = given;
  beforeAll(async () => {
    if (!given.given) {
      // The shared one does not honour conditions.
      const server = await startProtocolServer({ strict: true });
      opened.push(server);
      place = server;
    }
    await createBucket(place);
  });
  stateStoreContract(
    'a bucket',
    subjects(() => place),
  );

  test('a bucket that does not exist is unavailable, not empty', async () => {
    const store = storeAt({ ...place, bucket: `missing-${randomUUID()}` });
    await expect(store.check()).rejects.toMatchObject({ code: 'state_unavailable' });
    await expect(store.read('routes')).rejects.toMatchObject({ code: 'state_unavailable' });
  });
});

describe.each([S3_KINDS.aws, S3_KINDS.radosgw, S3_KINDS.minio])('a $name store', (kind) => {
  let server: S3KindServer;
  beforeAll(async () => {
    server = await S3KindServer.start(kind);
    opened.push(server);
    await createBucket(server);
  });
  stateStoreContract(
    'a bucket',
    subjects(() => ({ endpoint: server.endpoint })),
  );

  test('keeps no object of the trial', async () => {
    const prefix = `${randomUUID()}/`;
    await storeAt({ endpoint: server.endpoint }, prefix).check();
    expect(server.keys('states').filter((key) => key.startsWith(prefix))).toEqual([]);
  });
});

describe.each([S3_KINDS.swift, S3_KINDS.garage, S3_KINDS.bare])('a $name store', (kind) => {
  test('is refused, because it has no conditional writes', async () => {
    const server = await S3KindServer.start(kind);
    opened.push(server);
    await createBucket(server);
    const store = storeAt({ endpoint: server.endpoint });
    await expect(store.check()).rejects.toMatchObject({ code: 'state_unsupported' });
    // Without a check at the start, the first write finds out.
    const other = storeAt({ endpoint: server.endpoint });
    await expect(other.write('routes', 'x', { expected: null })).rejects.toMatchObject({
      code: 'state_unsupported',
    });
    expect(server.keys('states')).toEqual([]);
  });
});
