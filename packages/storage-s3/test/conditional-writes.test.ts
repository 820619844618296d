import { afterEach, describe, expect, it } from 'vitest';
import { put } from '@cloud-mirror/storage-provider/contract';
import { openScripted } from './scripted-provider.ts';
import { errorAnswer, type Script, type StoreAnswer } from './scripted-store.ts';

const KEY = 'https://o.example.com/a';
const ETAG = '"etag-1"';

let opened = new AsyncDisposableStack();
afterEach(async () => {
  await opened.disposeAsync();
  opened = new AsyncDisposableStack();
});

const open = (script: Script) => openScripted(opened, script);
const refused = errorAnswer(412, 'PreconditionFailed');

function headOf(etag: string, modified = new Date(0)): StoreAnswer {
  return {
    status: 200,
    headers: { ETag: etag, 'Last-Modified': modified.toUTCString(), 'Content-Length': '1' },
  };
}

describe('a write with If-Match', () => {
  it.each([
    ['with its quotes', ETAG],
    ['as a weak one', `W/${ETAG}`],
    ['without quotes', 'etag-1'],
  ])('is sent without it if the store refuses the ETag that HEAD returned, %s', async (_how, etag) => {
    const { store, provider } = await open(({ operation, headers }) => {
      if (operation === 'HeadObject') return headOf(etag);
      return headers['if-match'] === undefined ? undefined : refused;
    });
    await put(provider, KEY, Buffer.from('x'), { ifMatch: ETAG });
    await put(provider, KEY, Buffer.from('y'), { ifMatch: ETAG });
    const puts = store.requests.filter(({ operation }) => operation === 'PutObject');
    const sent = puts.map(({ headers }) => headers['if-match']);
    // The write is repeated between two HEADs, to detect a change; afterwards conditions are no longer sent.
    expect(sent.slice(-2)).toEqual([undefined, undefined]);
    expect(sent.slice(0, -2).length).toBeGreaterThan(1);
    expect(new Set(sent.slice(0, -2))).toEqual(new Set([ETAG]));
    expect(await provider.capabilities()).toMatchObject({ conditionalReplace: 'no' });
  });

  it('is refused if another writer replaced the object', async () => {
    const { store, provider } = await open(({ operation, headers }) => {
      if (operation === 'HeadObject') return headOf('"etag-2"');
      return headers['if-match'] === undefined ? undefined : refused;
    });
    await expect(put(provider, KEY, Buffer.from('x'), { ifMatch: ETAG })).rejects.toMatchObject({
      code: 'store_exists',
    });
    expect(store.count('PutObject')).toBe(1);
  });

  it('is refused if the object is gone', async () => {
    const { provider } = await open(({ operation }) => {
      if (operation === 'HeadObject') return { status: 404 };
      return operation === 'PutObject' ? refused : undefined;
    });
    await expect(put(provider, KEY, Buffer.from('x'), { ifMatch: ETAG })).rejects.toMatchObject({
      code: 'store_exists',
    });
  });

  it('is refused if the object changes between the HEADs, even to equal bytes', async () => {
    let looks = 0;
    const { store, provider } = await open(({ operation, headers }) => {
      if (operation === 'HeadObject') return headOf(ETAG, new Date(60_000 * ++looks));
      return headers['if-match'] === undefined ? undefined : refused;
    });
    await expect(put(provider, KEY, Buffer.from('x'), { ifMatch: ETAG })).rejects.toMatchObject({
      code: 'store_exists',
    });
    expect(
      store.requests.every(({ operation, headers }) => operation !== 'PutObject' || headers['if-match']),
    ).toBe(true);
    expect(await provider.capabilities()).toMatchObject({ conditionalReplace: 'unknown' });
  });

  it('succeeds if only the first refusal was about another object', async () => {
    const { store, provider } = await open(({ operation }, times) => {
      if (operation === 'HeadObject') return headOf(ETAG);
      return operation === 'PutObject' && times === 1 ? refused : undefined;
    });
    await put(provider, KEY, Buffer.from('x'), { ifMatch: ETAG });
    expect(store.count('PutObject')).toBe(2);
    expect(await provider.capabilities()).toMatchObject({ conditionalReplace: 'unknown' });
  });

  it('is refused if the HEAD fails', async () => {
    const { provider } = await open(({ operation }) => {
      if (operation === 'HeadObject') return errorAnswer(403, 'AccessDenied');
      return operation === 'PutObject' ? refused : undefined;
    });
    await expect(put(provider, KEY, Buffer.from('x'), { ifMatch: ETAG })).rejects.toMatchObject({
      code: 'store_exists',
    });
  });
});

describe('a feature that a store refuses', () => {
  it.each([
    ['x-amz-checksum-crc32', 'checksumHeaders', 400, 'InvalidRequest'],
    ['x-amz-checksum-crc32', 'checksumHeaders', 501, 'NotImplemented'],
    ['if-none-match', 'conditionalCreate', 400, 'InvalidArgument'],
    ['if-none-match', 'conditionalCreate', 501, 'NotImplemented'],
  ])('(%s, %s, %i %s) is not sent again', async (header, name, status, code) => {
    const { store, provider } = await open(({ headers }) =>
      headers[header] === undefined ? undefined : errorAnswer(status, code),
    );
    await put(provider, KEY, Buffer.from('x'), { ifNoneMatch: '*' });
    const learning = store.count('PutObject');
    await put(provider, KEY, Buffer.from('x'), { ifNoneMatch: '*' });
    expect(store.count('PutObject')).toBe(learning + 1);
    expect(await provider.capabilities()).toMatchObject({ [name]: 'no' });
    // The store still verifies the bytes.
    for (const { headers } of store.requests
      .slice(learning)
      .filter(({ operation }) => operation === 'PutObject'))
      expect(headers['content-md5'] ?? headers['x-amz-checksum-crc32']).toBeDefined();
  });

  it.each([
    [400, 'InvalidArgument'],
    [400, 'MetadataTooLarge'],
    [500, 'InternalError'],
  ])(
    '(long metadata, %i %s) is not sent again, and split metadata is read back whole',
    async (status, code) => {
      const { store, provider } = await open(({ headers }) =>
        Object.entries(headers).some(
          ([name, value = '']) => name.startsWith('x-amz-meta-') && value.length > 256,
        )
          ? errorAnswer(status, code)
          : undefined,
      );
      const upstream = `https://o.example.com/${'x'.repeat(600)}`;
      const metadata = () => ({ 'upstream-url': upstream, generation: 'g1' });
      await put(provider, KEY, Buffer.from('x'), { metadata });
      expect((await provider.head(KEY))?.metadata).toEqual({ 'upstream-url': upstream, generation: 'g1' });
      const learning = store.count('PutObject');
      await put(provider, KEY, Buffer.from('x'), { metadata });
      expect(store.count('PutObject')).toBe(learning + 1);
      expect(await provider.capabilities()).toMatchObject({ longMetadata: 'no' });
    },
  );

  it('is not removed after a lasting refusal', async () => {
    const { provider } = await open(({ operation }) =>
      operation === 'PutObject' ? errorAnswer(400, 'InvalidArgument') : undefined,
    );
    await expect(put(provider, KEY, Buffer.from('x'), { ifNoneMatch: '*' })).rejects.toMatchObject({
      code: 'store_rejected',
    });
    const unknown = { conditionalCreate: 'unknown', checksumHeaders: 'unknown', longMetadata: 'unknown' };
    expect(await provider.capabilities()).toMatchObject(unknown);
  });
});
