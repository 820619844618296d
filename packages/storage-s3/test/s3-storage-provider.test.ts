import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { S3StorageProviderOptions } from '../src/adapter.ts';
import { S3StorageProvider } from '../src/adapter.ts';
import type { Script, StoreAnswer } from './scripted-store.ts';
import { errorAnswer, ScriptedStore, xml } from './scripted-store.ts';
import { cut, listed, pieces, plain, put } from '@cloud-mirror/storage-provider/contract';
import { KEY_LAYOUT } from './key-layout.ts';

const KEY = 'https://origin.example.com/file';
const PART_BYTES = 64 * 1024;

let opened: AsyncDisposableStack;
beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(() => opened.disposeAsync());

async function open(
  script: Script,
  options: Partial<S3StorageProviderOptions> = {},
): Promise<{ store: ScriptedStore; provider: S3StorageProvider }> {
  const store = opened.use(await ScriptedStore.start(script));
  const provider = opened.use(openProvider(store.endpoint, options));
  return { store, provider };
}

function openProvider(endpoint: string, options: Partial<S3StorageProviderOptions> = {}): S3StorageProvider {
  return new S3StorageProvider({
    bucket: 'copies',
    region: 'us-west-2',
    endpoint,
    forcePathStyle: true,
    credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
    access: 'signed',
    signedUrlSeconds: 60,
    lifespanDays: 1,
    keyLayout: KEY_LAYOUT,
    partBytes: PART_BYTES,
    retryDelayMs: 1,
    ...options,
  });
}

/** Answers the first `times` requests of an operation with this answer, and all others as S3 does. */
function first(operation: string, times: number, answer: StoreAnswer): Script {
  return (request, count) => (request.operation === operation && count <= times ? answer : undefined);
}

const always = (operation: string, answer: StoreAnswer): Script => first(operation, Infinity, answer);

async function putLong(provider: S3StorageProvider, options = {}): ReturnType<S3StorageProvider['put']> {
  const content = randomBytes(PART_BYTES * 5 + 100);
  return provider.put(KEY, pieces(cut(content, 10_007)), { ...plain(content.length), ...options });
}

describe('tries of a request', () => {
  const slowDown = errorAnswer(503, 'SlowDown');

  it('retries a PUT after SlowDown', async () => {
    const { store, provider } = await open(first('PutObject', 2, slowDown));
    await put(provider, KEY, Buffer.from('x'));
    expect(store.count('PutObject')).toBe(3);
  });

  it('stops after the configured number of tries', async () => {
    const { store, provider } = await open(always('PutObject', slowDown), { maxAttempts: 3 });
    await expect(put(provider, KEY, Buffer.from('x'))).rejects.toMatchObject({
      code: 'store_unavailable',
      retryable: true,
    });
    expect(store.count('PutObject')).toBe(3);
  });

  it('never retries a DELETE, or a put with one attempt', async () => {
    const { store, provider } = await open((request) =>
      ['PutObject', 'DeleteObject'].includes(request.operation) ? slowDown : undefined,
    );
    await expect(put(provider, KEY, Buffer.from('x'), { attempts: 1 })).rejects.toMatchObject({
      code: 'store_unavailable',
    });
    await expect(provider.delete(KEY)).rejects.toMatchObject({ code: 'store_unavailable' });
    expect([store.count('PutObject'), store.count('DeleteObject')]).toEqual([1, 1]);
  });

  it('does not retry a DELETE whose connection broke', async () => {
    const { store, provider } = await open(always('DeleteObject', 'reset'));
    await expect(provider.delete(KEY)).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(store.count('DeleteObject')).toBe(1);
  });

  it('retries after a broken connection', async () => {
    const { store, provider } = await open(first('HeadObject', 1, 'reset'));
    expect(await provider.head(KEY)).toBeNull();
    expect(store.count('HeadObject')).toBe(2);
  });

  it('retries with the time of the store if its own clock is wrong', async () => {
    const storeTime = new Date(Date.now() + 3_600_000);
    const headers = { Date: storeTime.toUTCString() };
    const { store, provider } = await open((_request, times) =>
      times === 1
        ? { status: 403, headers, body: xml('Error', '<Code>RequestTimeTooSkewed</Code>') }
        : { status: 200, headers },
    );
    await put(provider, KEY, Buffer.from('x'));
    const signedAt = store.requests.at(-1)?.headers['x-amz-date']?.slice(0, 11);
    expect(signedAt).toBe(storeTime.toISOString().replace(/[-:]/g, '').slice(0, 11));
    const address = new URL(await provider.urlFor(KEY, 'GET'));
    expect(address.searchParams.get('X-Amz-Date')?.slice(0, 11)).toBe(signedAt);
  });
});

describe('the answer of the store', () => {
  it('means an absent object only with 404', async () => {
    const { provider } = await open((request) => ({ status: Number(request.key) }));
    expect(await provider.head('404')).toBeNull();
    await expect(provider.head('403')).rejects.toMatchObject({ code: 'store_forbidden' });
    await expect(provider.head('401')).rejects.toMatchObject({ code: 'store_forbidden' });
    await expect(provider.head('400')).rejects.toMatchObject({ code: 'store_rejected' });
    await expect(provider.head('503')).rejects.toMatchObject({ code: 'store_unavailable' });
  });

  it.each([
    ['expiry-date="Fri, 21 Dec 2029 00:00:00 GMT", rule-id="expire"', '2029-12-21T00:00:00.000Z'],
    ['rule-id="a", expiry-date="Fri, 21 Dec 2029 00:00:00 GMT"', '2029-12-21T00:00:00.000Z'],
    ['NotImplemented', undefined],
    ['expiry-date="soon"', undefined],
  ])('contains the expiration in the header %j', async (expiration, expected) => {
    const headers = { 'x-amz-expiration': expiration, ETag: '"e"' };
    const { provider } = await open(() => ({ status: 200, headers }));
    const [stored, head] = [await put(provider, KEY, Buffer.from('x')), await provider.head(KEY)];
    for (const object of [stored, head]) expect(object?.expiresAt?.toISOString()).toBe(expected);
  });

  it('names the region where the bucket is', async () => {
    const { store, provider } = await open(() => ({
      status: 301,
      headers: { 'x-amz-bucket-region': 'eu-central-1' },
    }));
    const expected = { code: 'store_rejected', retryable: false };
    await expect(provider.head(KEY)).rejects.toMatchObject(expected);
    await expect(provider.head(KEY)).rejects.toThrow('eu-central-1');
    await expect(put(provider, KEY, Buffer.from('x'))).rejects.toThrow('eu-central-1');
    // The second HEAD and the PUT start with a direct try.
    expect(store.requests).toHaveLength(5);
  });

  it.each([
    [404, 'NoSuchBucket', 'store_missing', true],
    [403, 'AccessDenied', 'store_forbidden', true],
    [400, 'EntityTooLarge', 'store_rejected', false],
    [400, 'BadDigest', 'store_rejected', true],
    [403, 'QuotaExceeded', 'store_full', true],
    [507, 'InsufficientStorage', 'store_full', true],
    [500, 'InternalError', 'store_unavailable', true],
    [400, 'RequestTimeout', 'store_unavailable', true],
  ])('maps %i %s to %s', async (status, name, code, retryable) => {
    const { provider } = await open(() => errorAnswer(status, name));
    await expect(put(provider, KEY, Buffer.from('x'))).rejects.toMatchObject({
      name: 'StorageError',
      code,
      retryable,
    });
  });

  it('says that the bucket is missing', async () => {
    const { provider } = await open(() => ({ status: 404 }));
    await expect(provider.check()).rejects.toMatchObject({ code: 'store_missing' });
  });

  it('is an error if no server listens', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const provider = opened.use(openProvider(`http://127.0.0.1:${port}`));
    await expect(provider.head(KEY)).rejects.toMatchObject({ code: 'store_unavailable' });
    await expect(provider.check()).rejects.toMatchObject({ code: 'store_unavailable' });
  });
});

describe('a store that hangs', () => {
  const limits = { requestTimeoutMs: 100, maxAttempts: 2 };

  it('is given up after the time limit of each try', async () => {
    const { store, provider } = await open(() => 'hang', limits);
    await expect(provider.head(KEY)).rejects.toMatchObject({ code: 'store_unavailable' });
    await expect(put(provider, KEY, Buffer.from('x'))).rejects.toMatchObject({ code: 'store_unavailable' });
    expect([store.count('HeadObject'), store.count('PutObject')]).toEqual([2, 2]);
  });

  it.each([
    ['that does not come', 'hang' as const],
    ['that stalls', { status: 200, stalledBody: 'b' }],
  ])('leaves no open connection after an answer %s', async (_what, answer) => {
    const { provider, store } = await open(() => answer, limits);
    await expect(put(provider, KEY, Buffer.from('x'))).rejects.toMatchObject({ code: 'store_unavailable' });
    await vi.waitFor(async () => expect(await store.connections()).toBe(0), 20_000);
  });

  it('is given up in the middle of its answer', async () => {
    const { provider, store } = await open(
      () => ({ status: 200, stalledBody: '<?xml version="1.0"?><List' }),
      limits,
    );
    await expect(listed(provider, '')).rejects.toMatchObject({ code: 'store_unavailable' });
    await vi.waitFor(async () => expect(await store.connections()).toBe(0), 20_000);
  });

  it('is given up when the signal of the caller is aborted', async () => {
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    const { provider } = await open(() => {
      resolve();
      return 'hang';
    });
    const controller = new AbortController();
    const reason = new Error('client gone');
    const putting = put(provider, KEY, Buffer.from('x'), { signal: controller.signal });
    await asked;
    controller.abort(reason);
    await expect(putting).rejects.toBe(reason);
  });

  it('has its upload aborted when a part hangs', async () => {
    const { store, provider } = await open(always('UploadPart', 'hang'), limits);
    await expect(putLong(provider)).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(store.openUploads).toEqual(new Set());
  });

  it('has its requests aborted when the provider is closed', async () => {
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    const { provider } = await open(() => {
      resolve();
      return 'hang';
    });
    const heading = provider.head(KEY);
    await asked;
    await Promise.all([
      expect(heading).rejects.toMatchObject({ code: 'store_unavailable' }),
      provider[Symbol.asyncDispose](),
    ]);
  });
});

describe('checksums', () => {
  it.each(['when_supported', 'when_required'] as const)(
    'are sent with every payload (%s)',
    async (checksums) => {
      // The store refuses a payload without a checksum.
      const { store, provider } = await open(() => undefined, { checksums });
      await put(provider, KEY, Buffer.from('x'));
      await putLong(provider);
      const name = checksums === 'when_supported' ? 'x-amz-checksum-crc32' : 'content-md5';
      const payloads = store.requests.filter(({ operation }) => /^(PutObject|UploadPart)$/.test(operation));
      expect(payloads).toHaveLength(7);
      for (const { headers } of payloads) expect(headers[name]).toBeDefined();
    },
  );

  it('cause a retry of a damaged part', async () => {
    const { store, provider } = await open((request, times) => {
      if (request.operation !== 'UploadPart' || times > 2) return undefined;
      request.body.writeUInt8(request.body.readUInt8(7) ^ 1, 7);
      return undefined;
    });
    const stored = await putLong(provider);
    expect(stored.sizeBytes).toBe(PART_BYTES * 5 + 100);
    expect(store.count('UploadPart')).toBe(8);
  });

  it('fail a put whose bytes are damaged each time', async () => {
    const { store, provider } = await open(always('UploadPart', errorAnswer(400, 'BadDigest')));
    await expect(putLong(provider)).rejects.toMatchObject({ code: 'store_rejected', retryable: true });
    expect(store.openUploads).toEqual(new Set());
    expect(store.count('CompleteMultipartUpload')).toBe(0);
  });
});

describe('a store whose HEAD states no length', () => {
  it.each([PART_BYTES / 2, PART_BYTES * 2 + 1])('stores objects of %i bytes', async (sizeBytes) => {
    const { store, provider } = await open((request) => {
      const answer = store.answer(request);
      if (request.operation !== 'HeadObject' || typeof answer === 'string' || !('headers' in answer))
        return answer;
      const { 'Content-Length': _length, ...headers } = answer.headers ?? {};
      return { ...answer, headers };
    });
    const content = randomBytes(sizeBytes);
    const stored = await provider.put(KEY, pieces(cut(content, PART_BYTES)), plain(null));
    expect(stored.sizeBytes).toBe(sizeBytes);
    expect(await provider.head(KEY)).toMatchObject({ sizeBytes: null });
  });
});

describe('multipart upload', () => {
  it('bounds memory: sends at most partsInFlight parts while it fills one more', async () => {
    const allTravel = Promise.withResolvers<void>();
    const { store, provider } = await open(
      (request, times) => {
        if (request.operation !== 'UploadPart') return undefined;
        if (times === 3) allTravel.resolve();
        return 'hang';
      },
      { partsInFlight: 3 },
    );
    let readBytes = 0;
    const content = randomBytes(PART_BYTES * 20);
    const controller = new AbortController();
    const putting = provider.put(
      KEY,
      pieces(cut(content, PART_BYTES / 4), (bytes) => (readBytes = bytes)),
      { ...plain(null), signal: controller.signal },
    );
    await allTravel.promise;
    controller.abort(new Error('seen enough'));
    await expect(putting).rejects.toThrow('seen enough');
    expect(store.count('UploadPart')).toBe(3);
    expect(readBytes).toBeLessThanOrEqual(PART_BYTES * 4 + PART_BYTES / 4);
    expect(store.openUploads).toEqual(new Set());
  });

  it('treats a 200 with an error as a failure, and retries', async () => {
    const { store, provider } = await open(
      first('CompleteMultipartUpload', 1, {
        status: 200,
        body: xml('Error', '<Code>InternalError</Code>'),
      }),
    );
    await putLong(provider);
    expect(store.count('CompleteMultipartUpload')).toBe(2);
  });

  it.each([
    ['an error', xml('Error', '<Code>InternalError</Code>')],
    ['an error and a line end', `${xml('Error', '<Code>InternalError</Code>')}\n`],
    ['nothing', ''],
  ])('fails if every completion is answered 200 with %s', async (_what, body) => {
    const { store, provider } = await open(always('CompleteMultipartUpload', { status: 200, body }));
    await expect(putLong(provider)).rejects.toMatchObject({ name: 'StorageError', retryable: true });
    expect(store.openUploads).toEqual(new Set());
    expect(await provider.head(KEY)).toBeNull();
  });

  it('detects that an upload was completed if the answer was lost', async () => {
    const script: Script = (request, times) => {
      if (request.operation !== 'CompleteMultipartUpload' || times > 1) return undefined;
      store.answer(request);
      return 'reset';
    };
    const { store, provider } = await open(script);
    const stored = await putLong(provider);
    expect(stored).toMatchObject({ sizeBytes: PART_BYTES * 5 + 100, metadata: { generation: 'g1' } });
    expect(store.count('CompleteMultipartUpload')).toBe(2);
    expect(store.openUploads).toEqual(new Set());
  });

  it('fails if another process aborted the upload', async () => {
    const { provider } = await open(always('CompleteMultipartUpload', errorAnswer(404, 'NoSuchUpload')));
    await expect(putLong(provider)).rejects.toMatchObject({ name: 'StorageError', retryable: true });
  });

  it.each([
    ['CompleteMultipartUpload', errorAnswer(400, 'InvalidPart')],
    ['UploadPart', errorAnswer(404, 'NoSuchUpload')],
  ])('fails with a retryable error if its parts are lost: %s', async (operation, answer) => {
    const { store, provider } = await open(always(operation, answer));
    await expect(putLong(provider)).rejects.toMatchObject({ code: 'store_corrupt', retryable: true });
    expect(store.requests.at(-1)).toMatchObject({ operation: 'AbortMultipartUpload' });
  });

  it('fails if the store reports another size', async () => {
    const script: Script = (request) => {
      if (request.operation !== 'CompleteMultipartUpload') return undefined;
      const upload = store.objects.get(request.query.get('uploadId') ?? '');
      if (upload) upload.sizeBytes -= 1;
      return undefined;
    };
    const { store, provider } = await open(script);
    await expect(putLong(provider)).rejects.toMatchObject({ code: 'store_corrupt' });
  });

  it('aborts its upload even if the store answers slowly', async () => {
    const { store, provider } = await open((request, times) => {
      if (request.operation === 'UploadPart') return errorAnswer(403, 'AccessDenied');
      if (request.operation === 'AbortMultipartUpload' && times === 1) return errorAnswer(503, 'SlowDown');
      return undefined;
    });
    await expect(putLong(provider)).rejects.toMatchObject({ code: 'store_forbidden' });
    expect(store.count('AbortMultipartUpload')).toBe(2);
    expect(store.openUploads).toEqual(new Set());
  });
});

describe('preconditions', () => {
  const condition = { ifNoneMatch: '*' } as const;

  it.each([
    [412, 'PreconditionFailed'],
    [409, 'ConditionalRequestConflict'],
  ])('fail with store_exists for %i', async (status, name) => {
    const { store, provider } = await open((request) =>
      request.headers['if-none-match'] === '*' ? errorAnswer(status, name) : undefined,
    );
    const expected = { code: 'store_exists', retryable: false };
    await expect(put(provider, KEY, Buffer.from('x'), condition)).rejects.toMatchObject(expected);
    await expect(putLong(provider, condition)).rejects.toMatchObject(expected);
    expect(store.count('CompleteMultipartUpload')).toBeGreaterThan(0);
    expect(store.openUploads).toEqual(new Set());
  });

  it('are retried after a conflict', async () => {
    const { provider } = await open(first('PutObject', 1, errorAnswer(409, 'ConditionalRequestConflict')));
    await put(provider, KEY, Buffer.from('x'), condition);
  });

  it('fail if the object to replace is gone', async () => {
    const { provider } = await open(always('PutObject', errorAnswer(404, 'NoSuchKey')));
    await expect(put(provider, KEY, Buffer.from('x'), { ifMatch: '"e"' })).rejects.toMatchObject({
      code: 'store_exists',
    });
  });

  it('are not sent again after the store has refused them as unsupported', async () => {
    const { store, provider } = await open((request) =>
      request.headers['if-none-match'] ? errorAnswer(501, 'NotImplemented') : undefined,
    );
    await put(provider, KEY, Buffer.from('x'), condition);
    await put(provider, KEY, Buffer.from('x'), condition);
    await putLong(provider, condition);
    const sent = store.requests.map(({ operation, headers }) => [operation, headers['if-none-match']]);
    expect(sent.slice(0, 3)).toEqual([
      ['PutObject', '*'],
      ['PutObject', undefined],
      ['PutObject', undefined],
    ]);
    expect(sent.filter(([, sentCondition]) => sentCondition !== undefined)).toHaveLength(1);
  });
});

describe('the bucket', () => {
  const options = { longLivedPrefix: 'purged/', objectPrefixes: ['http', 'g/'] };
  const foreign =
    '<Rule><ID>logs</ID><Filter><Prefix>logs/</Prefix></Filter><Status>Enabled</Status>' +
    '<Expiration><Days>7</Days></Expiration></Rule>';

  it.each(['when_supported', 'when_required'] as const)(
    'gets its lifecycle rules once, in addition to those of others (%s)',
    async (checksums) => {
      let stored = xml('LifecycleConfiguration', foreign);
      const { store, provider } = await open(
        (request) => {
          if (request.operation === 'PutLifecycle') stored = request.body.toString();
          return request.operation === 'GetLifecycle' ? { status: 200, body: stored } : undefined;
        },
        { checksums, lifespanDays: 3 },
      );
      expect(await provider.prepare(options)).toHaveLength(1);
      expect(await provider.prepare(options)).toEqual([]);
      expect(store.count('PutLifecycle')).toBe(1);
      const days = [...stored.matchAll(/<Rule>.*?<\/Rule>/gs)].map(([rule]) => [
        /<Prefix>(.*?)<\/Prefix>/.exec(rule)?.[1],
        /<(?:Days|DaysAfterInitiation)>(.*?)</.exec(rule)?.[1],
      ]);
      expect(days.map(([prefix, count]) => [prefix ?? '', count])).toEqual([
        ['logs/', '7'],
        ['http', '3'],
        ['g/', '3'],
        ['purged/', '33'],
        ['', '1'],
      ]);
      const { headers } = store.requests.find(({ operation }) => operation === 'PutLifecycle') ?? {};
      expect(headers?.['content-md5'] !== undefined).toBe(checksums === 'when_required');
    },
  );

  it('is created in its region if it is missing', async () => {
    const { store, provider } = await open((request, times) => {
      if (request.operation === 'HeadBucket' && times === 1) return { status: 404 };
      return request.operation === 'GetLifecycle'
        ? errorAnswer(404, 'NoSuchLifecycleConfiguration')
        : undefined;
    });
    expect(await provider.prepare(options)).toHaveLength(2);
    const creation = store.requests.find(({ operation }) => operation === 'CreateBucket');
    expect(creation?.body.toString()).toContain('<LocationConstraint>us-west-2</LocationConstraint>');
  });

  it('may be in a store without lifecycle rules', async () => {
    const { provider } = await open(always('GetLifecycle', errorAnswer(501, 'NotImplemented')));
    expect((await provider.prepare(options)).join()).toContain('no lifecycle rules');
  });

  it('has its own old uploads aborted, page by page', async () => {
    const upload = (key: string, at: string): string =>
      `<Upload><Key>${key}</Key><UploadId>upload-of-${key}</UploadId><Initiated>${at}</Initiated></Upload>`;
    const [old, recent] = ['2020-01-01T00:00:00.000Z', new Date().toISOString()];
    const page = (more: string): StoreAnswer => ({
      status: 200,
      body: xml('ListMultipartUploadsResult', `<EncodingType>url</EncodingType>${more}`),
    });
    const { store, provider } = await open((request) => {
      if (request.operation !== 'ListMultipartUploads') return undefined;
      return request.query.get('key-marker') === 'https://o/a b'
        ? page(upload('g/1/https://o/c', old) + upload('http://o/d', recent))
        : page(
            '<IsTruncated>true</IsTruncated><NextKeyMarker>https%3A%2F%2Fo%2Fa+b</NextKeyMarker>' +
              `<NextUploadIdMarker>1</NextUploadIdMarker>${upload('https%3A%2F%2Fo%2Fa+b', old)}${upload('logs/1', old)}`,
          );
    });
    expect(await provider.sweepUploads(3_600_000)).toBe(2);
    const ended = store.requests.filter(({ operation }) => operation === 'AbortMultipartUpload');
    expect(ended.map(({ key }) => key)).toEqual(['https://o/a b', 'g/1/https://o/c']);
  });

  it('is listed page by page', async () => {
    const object = (key: string): string => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`;
    const { provider } = await open((request) => {
      const next = request.query.has('continuation-token');
      const more = next ? object('b%0A') : `<NextContinuationToken>2</NextContinuationToken>${object('b+')}`;
      const body = xml(
        'ListBucketResult',
        `<EncodingType>url</EncodingType><IsTruncated>${!next}</IsTruncated>${more}${object('stranger')}`,
      );
      return { status: 200, body };
    });
    expect((await listed(provider, 'b')).map(({ key }) => key)).toEqual(['b ', 'b\n']);
  });
});
