import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { S3StorageProviderOptions } from '../src/adapter.ts';
import { S3StorageProvider } from '../src/adapter.ts';
import { KEY_LAYOUT } from './key-layout.ts';

const KEY = "https://o.example.com/a b/c+d?e=%20#f!'()*~/ä";
const SEGMENT = 'https%3A%2F%2Fo.example.com%2Fa%20b%2Fc%2Bd%3Fe%3D%2520%23f%21%27%28%29%2A~%2F%C3%A4';

afterEach(() => void vi.useRealTimers());

function open(options: Partial<S3StorageProviderOptions>): S3StorageProvider {
  return new S3StorageProvider({
    bucket: 'copies',
    region: 'us-west-2',
    access: 'public',
    signedUrlSeconds: 60,
    lifespanDays: 1,
    keyLayout: KEY_LAYOUT,
    credentials: { accessKeyId: 'id', secretAccessKey: 'secret', sessionToken: 'token' },
    ...options,
  });
}

async function address(
  options: Partial<S3StorageProviderOptions>,
  method: 'GET' | 'HEAD' = 'GET',
  key = KEY,
): Promise<string> {
  await using provider = open(options);
  return await provider.urlFor(key, method);
}

describe('public addresses', () => {
  it.each([
    [{}, 'https://copies.s3.us-west-2.amazonaws.com/'],
    [{ region: 'cn-north-1' }, 'https://copies.s3.cn-north-1.amazonaws.com.cn/'],
    [{ bucket: 'a.b' }, 'https://s3.us-west-2.amazonaws.com/a.b/'],
    [{ forcePathStyle: true }, 'https://s3.us-west-2.amazonaws.com/copies/'],
    [{ endpoint: 'https://s3.example.com' }, 'https://copies.s3.example.com/'],
    [{ endpoint: 'http://127.0.0.1:7480' }, 'http://127.0.0.1:7480/copies/'],
    [{ endpoint: 'http://[::1]:7480/' }, 'http://[::1]:7480/copies/'],
    [
      { endpoint: 'https://s3.example.com:8443/base/', forcePathStyle: true },
      'https://s3.example.com:8443/base/copies/',
    ],
    [{ publicUrl: 'https://cdn.example.com/mirror' }, 'https://cdn.example.com/mirror/'],
    [{ publicUrl: 'https://cdn.example.com/' }, 'https://cdn.example.com/'],
  ])('with %j begin with %s and end with the key as one segment', async (options, base) => {
    expect(await address(options)).toBe(base + SEGMENT);
    expect(await address(options, 'HEAD')).toBe(base + SEGMENT);
  });
});

/** Settings that the SDK reads from outside the configuration. */
const ELSEWHERE: readonly (readonly [
  string,
  Record<string, string>,
  Partial<S3StorageProviderOptions>,
  string,
])[] = [
  [
    'AWS_ENDPOINT_URL_S3',
    { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9000' },
    {},
    'http://127.0.0.1:9000/copies/',
  ],
  ['AWS_ENDPOINT_URL', { AWS_ENDPOINT_URL: 'https://s3.example.com' }, {}, 'https://copies.s3.example.com/'],
  [
    'AWS_ENDPOINT_URL, which is not for an endpoint of the configuration',
    { AWS_ENDPOINT_URL: 'https://s3.example.com' },
    { endpoint: 'http://127.0.0.1:7480' },
    'http://127.0.0.1:7480/copies/',
  ],
  [
    'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS',
    { AWS_ENDPOINT_URL: 'https://s3.example.com', AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' },
    {},
    'https://copies.s3.us-west-2.amazonaws.com/',
  ],
  ['FIPS', { AWS_USE_FIPS_ENDPOINT: 'true' }, {}, 'https://copies.s3-fips.us-west-2.amazonaws.com/'],
  [
    'dual-stack',
    { AWS_USE_DUALSTACK_ENDPOINT: 'true' },
    {},
    'https://copies.s3.dualstack.us-west-2.amazonaws.com/',
  ],
  ["a profile's endpoint", { AWS_PROFILE: 'plain' }, {}, 'https://copies.profile.example.com/'],
  [
    "a profile's section of services",
    { AWS_PROFILE: 'sections' },
    {},
    'https://copies.services.example.com/',
  ],
  [
    'the European sovereign cloud',
    {},
    { region: 'eusc-de-east-1' },
    'https://copies.s3.eusc-de-east-1.amazonaws.eu/',
  ],
  ['an isolated partition', {}, { region: 'us-iso-east-1' }, 'https://copies.s3.us-iso-east-1.c2s.ic.gov/'],
  ['another', {}, { region: 'us-isob-east-1' }, 'https://copies.s3.us-isob-east-1.sc2s.sgov.gov/'],
  ['capital letters', {}, { bucket: 'Copies' }, 'https://s3.us-west-2.amazonaws.com/Copies/'],
];

const PROFILES = `[profile plain]
endpoint_url = https://profile.example.com
[profile sections]
services = mine
endpoint_url = https://profile.example.com
[services mine]
s3 =
  endpoint_url = https://services.example.com
`;

describe.each(ELSEWHERE)('with %s', (_name, environment, options, base) => {
  /** Runs in a separate process, because the SDK reads shared files once for all clients of a process. */
  async function addressesInProcess(): Promise<Record<string, string>> {
    const directory = await mkdtemp(join(tmpdir(), 'cloud-mirror-address-'));
    try {
      const file = join(directory, 'config');
      await writeFile(file, PROFILES);
      const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'));
      const program = fileURLToPath(new URL('print-addresses.ts', import.meta.url));
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [program, JSON.stringify(options), KEY],
        {
          env: { ...Object.fromEntries(clean), AWS_CONFIG_FILE: file, ...environment },
        },
      );
      return JSON.parse(stdout) as Record<string, string>;
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  it('public addresses, signed addresses and calls have the same host', async () => {
    const { asked, ...addresses } = await addressesInProcess();
    expect(asked).toBe(new URL(base).host);
    expect(addresses['public']).toBe(base + SEGMENT);
    expect(addresses['signed']?.startsWith(`${base}https%3A//o.example.com/a%20b/`)).toBe(true);
    expect(addresses['cdn']).toBe(`https://cdn.example.com/${SEGMENT}`);
  });
});

describe('a bucket without a valid address', () => {
  it.each([
    ['directory buckets', { bucket: 'copies--usw2-az1--x-s3' }],
    ['custom endpoint', { endpoint: 'https://s3.example.com', region: 'fips-us-west-2' }],
  ])('causes an error with the reason: %s', async (reason, options) => {
    await expect(address({ access: 'signed', ...options })).rejects.toMatchObject({
      code: 'store_rejected',
      message: expect.stringContaining(reason) as string,
    });
  });
});

describe('signed addresses', () => {
  it.each(['GET', 'HEAD'] as const)('for %s carry the signature and nothing else', async (method) => {
    const signed = new URL(await address({ access: 'signed' }, method));
    expect([...signed.searchParams.keys()].sort()).toEqual([
      'X-Amz-Algorithm',
      'X-Amz-Content-Sha256',
      'X-Amz-Credential',
      'X-Amz-Date',
      'X-Amz-Expires',
      'X-Amz-Security-Token',
      'X-Amz-Signature',
      'X-Amz-SignedHeaders',
    ]);
    expect(signed.searchParams.get('X-Amz-Expires')).toBe('60');
    expect(signed.searchParams.get('X-Amz-SignedHeaders')).toBe('host');
    expect(decodeURIComponent(signed.pathname)).toBe(`/${KEY}`);
  });

  it.each([
    [{}, 'https://copies.s3.us-west-2.amazonaws.com/'],
    [{ endpoint: 'http://127.0.0.1:7480', forcePathStyle: true }, 'http://127.0.0.1:7480/copies/'],
    // Signed for the host of the store, because a CDN could not verify the signature.
    [{ publicUrl: 'https://cdn.example.com/' }, 'https://copies.s3.us-west-2.amazonaws.com/'],
  ])('with %j begin with %s', async (options, base) => {
    expect(
      (await address({ access: 'signed', ...options })).startsWith(`${base}https%3A//o.example.com/a%20b/`),
    ).toBe(true);
  });

  it('are the same as the SDK signs', async () => {
    const options = { region: 'us-west-2', endpoint: 'http://127.0.0.1:7480', forcePathStyle: true };
    const signed = new URL(await address({ access: 'signed', ...options }, 'HEAD'));
    const [, year, month, day, hour, minute, second] =
      /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(signed.searchParams.get('X-Amz-Date') ?? '') ?? [];
    const client = new S3Client({
      ...options,
      responseChecksumValidation: 'WHEN_REQUIRED',
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret', sessionToken: 'token' },
    });
    const command = new HeadObjectCommand({ Bucket: 'copies', Key: KEY });
    const expected = await getSignedUrl(client, command, {
      expiresIn: 60,
      signingDate: new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`),
    });
    client.destroy();
    expect(signed.searchParams.get('X-Amz-Signature')).toBe(
      new URL(expected).searchParams.get('X-Amz-Signature'),
    );
    expect(signed.pathname).toBe(new URL(expected).pathname);
  });

  it('do not depend on what was signed before', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    await using provider = open({ access: 'signed' });
    for (const key of [KEY, 'a', 'b'.repeat(900), KEY])
      expect(await provider.urlFor(key, 'GET')).toBe(await address({ access: 'signed' }, 'GET', key));
  });

  it('differ by method', async () => {
    const signature = async (method: 'GET' | 'HEAD'): Promise<string | null> =>
      new URL(await address({ access: 'signed' }, method)).searchParams.get('X-Amz-Signature');
    expect(await signature('GET')).not.toBe(await signature('HEAD'));
  });
});
