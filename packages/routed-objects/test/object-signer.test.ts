import { ObjectSigner, parseSignedObjectTarget, type ObjectRequest } from '@cloud-mirror/routed-objects';
import { describe, expect, test } from 'vitest';

const signer = new ObjectSigner(Buffer.alloc(32, 1));
const NOW = new Date('2026-11-29T12:00:00Z');
const EXPIRES = NOW.getTime() / 1000 + 10;

const REQUEST: ObjectRequest = {
  method: 'PUT',
  store: 'local/here',
  key: 'dir/file name.txt',
  query: { uploadId: 'a/b+c', partNumber: '2' },
  headers: { 'content-md5': 'HLJR7A1WjeaqkptSDEru2Q==', 'x-amz-meta-colour': 'blue' },
};

function targetOf(address: string) {
  const [path = '', query = ''] = address.split('?');
  const target = parseSignedObjectTarget(path, query);
  if (target === null) throw new Error(`${address} is not a signed address`);
  return target;
}

test('a signed address serves its own request', () => {
  const target = targetOf(signer.sign(REQUEST, EXPIRES));
  expect(target).toMatchObject({ store: 'local/here', key: REQUEST.key, expires: EXPIRES });
  expect(Object.fromEntries(target.query)).toEqual(REQUEST.query);
  expect(signer.verify('PUT', target, REQUEST.headers, NOW)).toBe('valid');
});

test.each([
  'a',
  'a/b.txt',
  '/starts/with/a/slash',
  'ends/with/',
  'two//slashes',
  'ünï/☃',
  "!'()*~",
  '%2F',
  'a?b&signature=c#d',
  ' ',
  '+',
])('the key %j survives its address', (key) => {
  const address = signer.sign({ ...REQUEST, key }, EXPIRES);
  // What WHATWG clients make of the address.
  const { pathname, search } = new URL(address, 'http://mirror.example');
  expect(pathname).not.toContain('//');
  expect(targetOf(pathname + search).key).toBe(key);
  expect(signer.verify('PUT', targetOf(pathname + search), REQUEST.headers, NOW)).toBe('valid');
});

describe('a request that differs from what was signed is refused', () => {
  const address = signer.sign(REQUEST, EXPIRES);
  test.each<[string, { method?: string; address?: string; headers?: Record<string, string>; key?: number }]>([
    ['another method', { method: 'GET' }],
    ['another key', { address: address.replace('name.txt', 'name.txT').replace('file', 'other') }],
    ['another back end', { address: address.replace('/here/', '/there/') }],
    ['another parameter', { address: address.replace('partNumber=2', 'partNumber=3') }],
    ['one more parameter', { address: address.replace('?', '?tagging=&') }],
    ['a later expiry', { address: address.replace(`expires=${EXPIRES}`, `expires=${EXPIRES + 1}`) }],
    ['another header', { headers: { ...REQUEST.headers, 'x-amz-meta-colour': 'red' } }],
    ['one more header', { headers: { ...REQUEST.headers, 'x-amz-meta-size': '1' } }],
    ['one header less', { headers: { 'content-md5': REQUEST.headers['content-md5'] ?? '' } }],
    ['another signing key', { key: 2 }],
  ])('%s', (_, { method = 'PUT', address: changed = address, headers = REQUEST.headers, key = 1 }) => {
    const verifier = new ObjectSigner(Buffer.alloc(32, key));
    expect(verifier.verify(method, targetOf(changed), headers, NOW)).toBe('mismatch');
  });
});

test('an address expires', () => {
  const target = targetOf(signer.sign(REQUEST, EXPIRES));
  const at = (seconds: number) => signer.verify('PUT', target, REQUEST.headers, new Date(seconds * 1000));
  expect(at(EXPIRES)).toBe('valid');
  expect(at(EXPIRES + 0.001)).toBe('expired');
});

test.each([
  ['/v1/objects/local/here/key', ''],
  ['/v1/objects/local/here/key', 'expires=1&headers=&signature=00'],
  ['/v1/objects/local/here/', `expires=1&headers=&signature=${'0'.repeat(64)}`],
  ['/v1/objects/local/here/%ff', `expires=1&headers=&signature=${'0'.repeat(64)}`],
  ['/v1/objects/local/here/key', `headers=&expires=1&signature=${'0'.repeat(64)}`],
  ['/v1/objects/local/here/key', `expires=1&headers=&signature=${'0'.repeat(64)}&tagging=`],
  ['/v1/redirect/local/here/key', `expires=1&headers=&signature=${'0'.repeat(64)}`],
])('%s?%s is not a signed address', (path, query) => {
  expect(parseSignedObjectTarget(path, query)).toBeNull();
});
