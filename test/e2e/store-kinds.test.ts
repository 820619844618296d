import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { fetchOnWire, fetchThrough } from '@cloud-mirror/testing/fetch';
import { distributedConfig, EAST, WEST } from '@cloud-mirror/testing/mirror-config';
import { startDistributedMirror, type Mirror } from '@cloud-mirror/testing/mirror';
import { startOriginServer, type OriginServer } from '@cloud-mirror/testing/origin-server';
import { S3_KINDS } from '@cloud-mirror/testing/s3-kinds/s3-kind';
import { S3KindServer } from '@cloud-mirror/testing/s3-kinds/s3-kind-server';

/* Two regions in a store that refuses keys with `//`: one with keys made from URLs, one with hashed keys. */

const stack = new AsyncDisposableStack();
let origin: OriginServer;
let store: S3KindServer;
let mirror: Mirror;

beforeAll(async () => {
  origin = stack.use(await startOriginServer());
  store = stack.use(await S3KindServer.start(S3_KINDS.minio));
  const servers = inject('servers');
  const s3 = { ...servers.s3, endpoint: store.endpoint, region: 'us-east-1' };
  const config = await distributedConfig(
    { ...servers, s3 },
    {
      origins: [origin.baseUrl],
      overrides: { services: { s3: { regions: { [EAST]: { keys: 'hashed' } } } } },
    },
  );
  mirror = stack.use(await startDistributedMirror(config));
});
afterAll(() => stack.disposeAsync());

test('a store that refuses keys redirects clients to the origin with store_key_refused', async () => {
  const url = origin.url('/bytes/1024?name=refused');
  const answer = await fetchOnWire(mirror.redirectUrl(WEST, url));
  expect(answer.status).toBe(302);
  expect(answer.headers['location']).toBe(url);
  expect(answer.headers['cache-status']).toContain('detail=store_key_refused');
});

test('with hashed keys copies are made and found again', async () => {
  const url = origin.url('/bytes/2048?name=hashed');
  const first = await fetchThrough(mirror.redirectUrl(EAST, url));
  const sha256 = createHash('sha256').update(url).digest('hex');
  expect(decodeURIComponent(new URL(first.location ?? '').pathname)).toMatch(
    new RegExp(`/sha256/0/${sha256}$`),
  );
  expect(first.artifact.bytes.equals(origin.bodyOf('/bytes/2048?name=hashed').bytes())).toBe(true);
  const again = await fetchOnWire(mirror.redirectUrl(EAST, url));
  expect(again.headers['location']).toBe(first.location);
  expect(origin.count('GET', '/bytes/2048?name=hashed')).toBe(1);
});
