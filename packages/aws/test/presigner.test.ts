import { S3RequestPresigner } from '@aws-sdk/s3-request-presigner';
import { S3Client } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { encodeText, Presigner } from '../src/index.ts';
import type { UnsignedAddress } from '../src/index.ts';

const CREDENTIALS = { accessKeyId: 'id', secretAccessKey: 'secret', sessionToken: 'a/token+=' };
const DATE = new Date('2026-07-01T12:34:56Z');
const HOST = 'copies.s3.us-west-2.amazonaws.com';
const KEY = "https://o.example.com/a b?c=d&e='(f)*!";
const PATH = `/${KEY.split('/').map(encodeText).join('/')}`;

/** The parameters of the address that the SDK signs, in any order. */
async function bySdk(address: UnsignedAddress): Promise<Record<string, string>> {
  const client = new S3Client({ region: 'us-west-2', credentials: CREDENTIALS });
  const signer = new S3RequestPresigner({ ...client.config });
  const names = new Set(Object.keys(address.headers ?? {}));
  const signed = await signer.presign(
    {
      method: address.method,
      protocol: 'https:',
      hostname: HOST,
      path: PATH,
      query: { ...address.query },
      headers: { host: HOST, ...address.headers },
    },
    {
      expiresIn: address.seconds,
      signingDate: DATE,
      unhoistableHeaders: names,
      signableHeaders: new Set(['host', ...names]),
    },
  );
  return signed.query as Record<string, string>;
}

const ADDRESSES: readonly (readonly [string, Partial<UnsignedAddress>])[] = [
  ['GET', { method: 'GET' }],
  ['HEAD', { method: 'HEAD' }],
  ['PUT', { method: 'PUT' }],
  ['DELETE', { method: 'DELETE' }],
  [
    'PUT with headers',
    { method: 'PUT', headers: { 'content-type': 'text/plain', 'content-md5': 'a+b/c==' } },
  ],
  ['PUT with metadata', { method: 'PUT', headers: { 'x-amz-meta-origin': 'https://o.example.com/' } }],
  ['begin of an upload', { method: 'POST', query: { uploads: '' } }],
  ['PUT of a part', { method: 'PUT', query: { partNumber: '12', uploadId: 'a/b c+d~' } }],
  [
    'end of an upload, with a header',
    { method: 'DELETE', query: { uploadId: 'é', 'a-b': '1', a: '2' }, headers: { 'content-type': 'x/y' } },
  ],
  ['one week', { method: 'GET', seconds: 604_800 }],
];

describe('an address has the same signature as from the SDK', () => {
  test.each(ADDRESSES)('%s', async (_what, given) => {
    const address = { method: 'GET' as const, host: HOST, path: PATH, seconds: 60, ...given };
    const query = new Presigner('us-west-2').sign(address, CREDENTIALS, DATE);
    const parameters = query.split('&').map((parameter) => parameter.split('=').map(decodeURIComponent));
    expect(Object.fromEntries(parameters)).toEqual(await bySdk(address));
  });
});

test('signing an address with a query does not affect later addresses', () => {
  const presigner = new Presigner('us-west-2');
  const plain = { method: 'GET' as const, host: HOST, path: PATH, seconds: 60 };
  const first = presigner.sign(plain, CREDENTIALS, DATE);
  presigner.sign({ ...plain, query: { versionId: '1' } }, CREDENTIALS, DATE);
  expect(presigner.sign(plain, CREDENTIALS, DATE)).toBe(first);
});
