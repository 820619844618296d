import { createHash } from 'node:crypto';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl, S3RequestPresigner } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startProtocolServer } from '../src/protocol-server.ts';
import type { ProtocolServer } from '../src/protocol-server.ts';

/*
 * The S3 server of the tests refuses what S3 refuses, otherwise tests of signing could not fail. The AWS SDK signs here,
 * because its code and that of the server are independent.
 */

const KEY = "a b/(c)'+é.txt";
let server: ProtocolServer;

function client(secretAccessKey = 'test', accessKeyId = 'test'): S3Client {
  return new S3Client({
    endpoint: server.endpoint,
    region: server.region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
}

beforeAll(async () => {
  server = await startProtocolServer({ publicRead: false });
  await client().send(new CreateBucketCommand({ Bucket: 'bucket' }));
});
afterAll(() => server[Symbol.asyncDispose]());

async function put(sdk: S3Client, body: string): Promise<void> {
  await sdk.send(new PutObjectCommand({ Bucket: 'bucket', Key: KEY, Body: body }));
}

function addressOf(expiresIn = 10): Promise<string> {
  return getSignedUrl(client(), new GetObjectCommand({ Bucket: 'bucket', Key: KEY }), { expiresIn });
}

async function outcome(address: string, init: RequestInit = {}): Promise<[number, string]> {
  const response = await fetch(address, init);
  const code = /<Code>(\w+)<\/Code>/.exec(await response.text())?.[1] ?? '';
  return [response.status, code];
}

describe('a request signed in its headers', () => {
  test('is performed with the right secret', async () => {
    await put(client(), 'x');
    const { Body } = await client().send(new GetObjectCommand({ Bucket: 'bucket', Key: KEY }));
    expect(await Body?.transformToString()).toBe('x');
  });

  test.each([
    ['another secret', 'other', 'test', 'SignatureDoesNotMatch'],
    ['an unknown access key', 'test', 'other', 'InvalidAccessKeyId'],
  ])('is refused with %s', async (_what, secret, id, code) => {
    await expect(put(client(secret, id), 'y')).rejects.toMatchObject({ name: code });
  });

  test('is refused if its clock is 16 minutes off', async () => {
    await using late = await startProtocolServer();
    late.advanceClock(16 * 60);
    const sdk = new S3Client({
      endpoint: late.endpoint,
      region: late.region,
      forcePathStyle: true,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      maxAttempts: 1,
    });
    await expect(put(sdk, 'x')).rejects.toMatchObject({ name: 'RequestTimeTooSkewed' });
  });
});

describe('a request without a signature', () => {
  test.each(['GET', 'HEAD', 'PUT', 'DELETE'])('%s is refused', async (method) => {
    expect((await outcome(`${server.endpoint}/bucket/x`, { method }))[0]).toBe(403);
  });
});

describe('a presigned address', () => {
  beforeEach(() => put(client(), 'x'));

  test('is served', async () => {
    expect(await outcome(await addressOf())).toEqual([200, '']);
  });

  test('is refused 11 seconds later, if it is valid for 10', async () => {
    const address = await addressOf(10);
    server.advanceClock(11);
    try {
      expect(await outcome(address)).toEqual([403, 'AccessDenied']);
    } finally {
      server.advanceClock(-11);
    }
  });

  test.each<[string, (address: string) => string, string]>([
    ['another key', (address) => address.replace('.txt', '.tar'), 'SignatureDoesNotMatch'],
    ['a longer validity', (address) => address.replace('Expires=10', 'Expires=100'), 'SignatureDoesNotMatch'],
    ['a further parameter', (address) => `${address}&versionId=1`, 'SignatureDoesNotMatch'],
    [
      'a validity over a week',
      (address) => address.replace('Expires=10', 'Expires=604801'),
      'AuthorizationQueryParametersError',
    ],
    [
      'no signed host',
      (address) => address.replace(/SignedHeaders=[^&]*/, 'SignedHeaders=x'),
      'AuthorizationQueryParametersError',
    ],
  ])('is refused with %s', async (_what, change, code) => {
    const changed = change(await addressOf());
    expect((await outcome(changed))[1]).toBe(code);
  });

  test.each(['HEAD', 'PUT', 'DELETE'])('is refused for %s if it is signed for GET', async (method) => {
    expect((await outcome(await addressOf(), { method }))[0]).toBe(403);
  });

  test('is refused with an x-amz header that is not signed', async () => {
    const headers = { 'x-amz-meta-more': '1' };
    expect(await outcome(await addressOf(), { headers })).toEqual([403, 'AccessDenied']);
  });

  test('is refused without a header that is signed, and with another value of it', async () => {
    const signer = new S3RequestPresigner({ ...client().config });
    const host = new URL(server.endpoint).host;
    const { query } = await signer.presign(
      {
        method: 'PUT',
        protocol: 'http:',
        hostname: host,
        path: '/bucket/x',
        headers: { host, 'x-amz-meta-a': '1' },
      },
      { unhoistableHeaders: new Set(['x-amz-meta-a']), expiresIn: 10 },
    );
    const address = `${server.endpoint}/bucket/x?${new URLSearchParams(query as Record<string, string>).toString()}`;
    const ask = (headers: Record<string, string>): Promise<[number, string]> =>
      outcome(address, { method: 'PUT', body: 'x', headers });
    expect(await ask({})).toEqual([403, 'SignatureDoesNotMatch']);
    expect(await ask({ 'x-amz-meta-a': '2' })).toEqual([403, 'SignatureDoesNotMatch']);
    expect(await ask({ 'x-amz-meta-a': '1' })).toEqual([200, '']);
  });

  test('is refused if the body does not have the signed hash', async () => {
    const hash = createHash('sha256').update('right').digest('hex');
    const signer = new S3RequestPresigner({ ...client().config });
    const host = new URL(server.endpoint).host;
    const { query } = await signer.presign(
      {
        method: 'PUT',
        protocol: 'http:',
        hostname: host,
        path: '/bucket/x',
        headers: { host, 'x-amz-content-sha256': hash },
      },
      { unhoistableHeaders: new Set(['x-amz-content-sha256']), expiresIn: 10 },
    );
    const address = `${server.endpoint}/bucket/x?${new URLSearchParams(query as Record<string, string>).toString()}`;
    const ask = (body: string): Promise<[number, string]> =>
      outcome(address, { method: 'PUT', body, headers: { 'x-amz-content-sha256': hash } });
    expect(await ask('wrong')).toEqual([400, 'XAmzContentSHA256Mismatch']);
    expect(await ask('right')).toEqual([200, '']);
  });
});
