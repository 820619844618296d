import { afterEach, beforeEach, expect, test } from 'vitest';
import type { S3StorageProviderOptions } from '../src/adapter.ts';
import { openScripted } from './scripted-provider.ts';
import { errorAnswer, ScriptedStore, xml } from './scripted-store.ts';
import type { StoreAnswer, StoreRequest } from './scripted-store.ts';

const KEY = 'https://origin.example.com/a b/ü.zip';

let opened: AsyncDisposableStack;
beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(() => opened.disposeAsync());

function isAnonymous({ headers, query }: StoreRequest): boolean {
  return headers['authorization'] === undefined && !query.has('X-Amz-Signature');
}

interface Bucket {
  readonly keys?: readonly string[];
  /** The answer to requests without credentials. */
  readonly anonymous: StoreAnswer;
  readonly options?: Partial<S3StorageProviderOptions>;
  /** The answer to the PUT of a trial object. */
  readonly put?: StoreAnswer;
  /** The status of every HEAD, or a list with the statuses of successive HEADs. */
  readonly head?: number | number[];
}

async function open({ keys = [KEY], anonymous, options = {}, put, head = 200 }: Bucket) {
  const { store, provider } = await openScripted(
    opened,
    (request) => {
      if (isAnonymous(request)) return anonymous;
      if (request.operation === 'PutObject') return put;
      if (request.operation === 'HeadObject' && keys.includes(request.key))
        return { status: typeof head === 'number' ? head : (head.shift() ?? 404) };
      if (request.operation !== 'ListObjects') return undefined;
      const found = keys.filter((key) => key.startsWith(request.query.get('prefix') ?? ''));
      const contents = found.map((key) => `<Contents><Key>${encodeURIComponent(key)}</Key></Contents>`);
      return {
        status: 200,
        body: xml('ListBucketResult', `<EncodingType>url</EncodingType>${contents.join('')}`),
      };
    },
    options,
  );
  const anonymously = () => store.requests.filter(isAnonymous);
  return { store, provider, anonymously };
}

test.each([
  ['206', { status: 206 }, { state: 'readable' }],
  ['200 of a store without ranges', { status: 200, body: 'the whole' }, { state: 'readable' }],
  ['416 of an empty object', { status: 416 }, { state: 'readable' }],
  ['403', errorAnswer(403, 'AccessDenied'), { state: 'refused', status: 403 }],
  ['401', { status: 401 }, { state: 'refused', status: 401 }],
  ['404 for an existing copy', { status: 404 }, { state: 'refused', status: 404 }],
  ['503', errorAnswer(503, 'SlowDown'), { state: 'untried' }],
  ['a broken connection', 'reset' as const, { state: 'untried' }],
])('a copy is read by its public address without credentials: %s', async (_name, anonymous, expected) => {
  const { provider, anonymously } = await open({ anonymous });
  expect(await provider.checkPublicRead()).toMatchObject(expected);
  const [read] = anonymously();
  expect(read).toMatchObject({ method: 'GET', key: KEY });
  expect(read?.headers['range']).toBe('bytes=0-0');
});

test('a copy is read at publicUrl if it is set', async () => {
  const cdn = opened.use(await ScriptedStore.start(() => ({ status: 403 })));
  const options = { publicUrl: `${cdn.endpoint}/mirror` };
  const { provider, anonymously } = await open({ anonymous: { status: 200 }, options });
  expect(await provider.checkPublicRead()).toMatchObject({ state: 'refused', status: 403 });
  expect(cdn.requests).toHaveLength(1);
  expect(anonymously()).toHaveLength(0);
});

test('the check works with permission to list but not to HEAD objects', async () => {
  const { provider } = await open({ anonymous: { status: 403 }, head: 403 });
  expect(await provider.checkPublicRead()).toMatchObject({ state: 'refused', status: 403 });
});

test('without a copy and without trial, nothing is stored', async () => {
  const { store, provider } = await open({ keys: [], anonymous: { status: 403 } });
  expect(await provider.checkPublicRead()).toMatchObject({ state: 'untried' });
  expect(store.count('PutObject')).toBe(0);
});

test('a trial object is stored, read and removed', async () => {
  const { store, provider, anonymously } = await open({ keys: [], anonymous: { status: 403 } });
  expect(await provider.checkPublicRead({ trial: true })).toMatchObject({ state: 'refused', status: 403 });
  const put = store.requests.find(({ operation }) => operation === 'PutObject');
  expect(put?.key).toMatch(/^sha256\/0\/[0-9a-f]{64}$/);
  expect(anonymously().map(({ key }) => key)).toEqual([put?.key]);
  expect(store.requests.at(-1)).toMatchObject({ operation: 'DeleteObject', key: put?.key });
});

test('the result is unknown if a trial object may not be stored', async () => {
  const { provider } = await open({
    keys: [],
    anonymous: { status: 403 },
    put: errorAnswer(403, 'AccessDenied'),
  });
  expect(await provider.checkPublicRead({ trial: true })).toMatchObject({ state: 'untried' });
});

test.each([403, 404])(
  'the result is unknown if the copy is removed before it is read: %i',
  async (status) => {
    const { provider } = await open({ anonymous: { status }, head: [200, 404] });
    expect(await provider.checkPublicRead()).toMatchObject({ state: 'untried' });
  },
);

test('a trial object is used if the copy is removed before it is read', async () => {
  const { store, provider, anonymously } = await open({ anonymous: { status: 403 }, head: [200, 404] });
  const read = provider.checkPublicRead({ trial: true });
  expect(await read).toMatchObject({ state: 'refused', status: 403 });
  expect(anonymously()).toHaveLength(2);
  expect(store.count('PutObject')).toBe(1);
});

test('signed addresses are not checked', async () => {
  const { store, provider } = await open({ anonymous: { status: 403 }, options: { access: 'signed' } });
  expect(await provider.checkPublicRead({ trial: true })).toMatchObject({ state: 'untried' });
  expect(store.requests).toHaveLength(0);
});
