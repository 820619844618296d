import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { eventually } from '@cloud-mirror/testing/eventually';
import { fetchOnWire, fetchThrough } from '@cloud-mirror/testing/fetch';
import { ADMIN_TOKEN, distributedConfig, EAST, WEST } from '@cloud-mirror/testing/mirror-config';
import { startDistributedMirror, type Mirror } from '@cloud-mirror/testing/mirror';
import { startOriginServer, type OriginServer } from '@cloud-mirror/testing/origin-server';
import { startProtocolServer, type ProtocolServer } from '@cloud-mirror/testing/protocol-server';
import { startRedis, type RedisServer } from '@cloud-mirror/testing/redis-server';

/** This suite has separate servers, because it counts their calls and empties them. */
describe('a distributed mirror with its queue, stores and Redis', () => {
  const stack = new AsyncDisposableStack();
  let origin: OriginServer;
  let redis: RedisServer;
  let aws: ProtocolServer;
  let mirror: Mirror;
  let flushAll: () => Promise<unknown>;

  beforeAll(async () => {
    origin = stack.use(await startOriginServer());
    redis = stack.use(await startRedis({ path: inject('servers').redisServerPath }));
    aws = stack.use(await startProtocolServer());
    const { endpoint, region, accessKeyId, secretAccessKey } = aws;
    const s3 = { endpoint, region, accessKeyId, secretAccessKey, given: false };
    const servers = { redisUrl: redis.url, sqsEndpoint: endpoint, sqsRegion: region, s3 };
    const config = await distributedConfig(servers, { origins: [origin.baseUrl] });
    mirror = stack.use(await startDistributedMirror(config));
    const client = new Redis(redis.url);
    stack.defer(() => client.disconnect());
    flushAll = () => client.flushall();
    // The first copies wait for the queues and buckets that the programs create at start.
    for (const at of [WEST, EAST]) await fetchThrough(mirror.redirectUrl(at, origin.url('/bytes/1')));
  });
  afterAll(() => stack.disposeAsync());

  test('200 simultaneous first requests make one job, one GET of the origin and one stored object', async () => {
    const path = '/bytes/1024?name=hot';
    aws.reset();
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => fetchThrough(mirror.redirectUrl(WEST, origin.url(path)))),
    );
    const expected = origin.bodyOf(path).bytes();
    for (const { location, artifact } of answers) {
      expect(location).toContain(aws.endpoint);
      expect(artifact.bytes.equals(expected)).toBe(true);
    }
    expect(aws.count('SendMessage')).toBe(1);
    expect(aws.count('PutObject')).toBe(1);
    expect(origin.count('GET', path)).toBe(1);
    expect(origin.count('HEAD', path)).toBe(1);
  });

  test('each region gets its own copy, by one GET of the origin each', async () => {
    const path = '/bytes/2048?name=both';
    const west = await fetchThrough(mirror.redirectUrl(WEST, origin.url(path)));
    const east = await fetchThrough(mirror.redirectUrl(EAST, origin.url(path)));
    expect(west.location).not.toBe(east.location);
    expect(west.artifact.bytes).toEqual(east.artifact.bytes);
    expect(origin.count('GET', path)).toBe(2);
  });

  test('a Redis that lost everything causes look-ups, and no new copies', async () => {
    const paths = Array.from({ length: 100 }, (_, index) => `/bytes/512?name=kept-${index}`);
    await Promise.all(paths.map((path) => fetchThrough(mirror.redirectUrl(WEST, origin.url(path)))));
    await flushAll();
    aws.reset();
    origin.reset();
    const again = await Promise.all(
      paths.map((path) => fetchThrough(mirror.redirectUrl(WEST, origin.url(path)))),
    );
    expect(again.every(({ location }) => location.startsWith(aws.endpoint))).toBe(true);
    expect(aws.count('SendMessage')).toBe(0);
    expect(aws.count('PutObject')).toBe(0);
    expect(origin.count('GET')).toBe(0);
  });

  test('a hit costs no billed call', async () => {
    const url = mirror.redirectUrl(WEST, origin.url('/bytes/77?name=hit'));
    await fetchThrough(url);
    aws.reset();
    for (let asked = 0; asked < 20; asked++) await fetchOnWire(url);
    // Copiers continue to poll their queues and acknowledge earlier jobs.
    const copiers = ['ReceiveMessage', 'DeleteMessage'];
    expect(aws.calls.map(({ operation }) => operation).filter((one) => !copiers.includes(one))).toEqual([]);
  });

  test('a purge of all regions names each one, and the next request of each copies anew', async () => {
    origin.set('everywhere', Buffer.from('old'));
    const url = origin.url('/mutable/everywhere');
    for (const at of [WEST, EAST]) await fetchThrough(mirror.redirectUrl(at, url));
    origin.set('everywhere', Buffer.from('new'));
    const purged = await fetchOnWire(
      mirror.frontend.url(`/v1/purge/s3/all/${Buffer.from(url).toString('base64url')}`),
      { method: 'DELETE', headers: { authorization: `Bearer ${ADMIN_TOKEN}` } },
    );
    expect(purged.status).toBe(200);
    expect(purged.json()).toMatchObject({
      results: [
        { backend: `s3/${WEST}`, purged: true },
        { backend: `s3/${EAST}`, purged: true },
      ],
    });
    for (const at of [WEST, EAST]) {
      expect((await fetchThrough(mirror.redirectUrl(at, url))).artifact.text).toBe('new');
    }
  });

  test('a job that no copier can parse becomes a dead letter, which operators can see and drop', async () => {
    const admin = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const letters = mirror.frontend.url(`/v1/dead-letters/s3/${WEST}`);
    const queue = await queueUrl(aws, WEST);
    await sendMessage(aws, queue, 'this is no job');
    const listed = await eventually(async () => {
      const { status, text } = await fetchOnWire(letters, { headers: admin });
      return status === 200 && text.includes('this is no job') ? text : null;
    });
    expect(listed).toContain('not a job');
    const dropped = await fetchOnWire(letters, { method: 'DELETE', headers: admin });
    expect(dropped.status).toBeLessThan(300);
  });
});

async function sqs(aws: ProtocolServer, action: string, body: object): Promise<Record<string, unknown>> {
  const answer = await fetch(aws.endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `AmazonSQS.${action}`,
      authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${aws.region}/sqs/aws4_request, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(200);
  return (await answer.json()) as Record<string, unknown>;
}

async function queueUrl(aws: ProtocolServer, region: string): Promise<string> {
  const { QueueUrls } = await sqs(aws, 'ListQueues', {});
  const found = (QueueUrls as string[]).find((url) => url.endsWith(`-s3-${region}`));
  if (found === undefined) throw new Error(`no queue for ${region}`);
  return found;
}

async function sendMessage(aws: ProtocolServer, queue: string, body: string): Promise<void> {
  await sqs(aws, 'SendMessage', { QueueUrl: queue, MessageBody: body });
}
