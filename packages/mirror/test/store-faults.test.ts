import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ConfigError } from '@cloud-mirror/config';
import { createLogger } from '@cloud-mirror/program';
import { configWarnings, openAdapters, parseConfig } from '../src/index.ts';
import { minimalConfig } from './minimal-config.ts';

const ENVIRONMENT = { ID: 'AKIDSERVICE', KEY: 'service-secret', REGION_ID: 'AKIDREGION', TOKEN: 'session' };
const KEYS = { accessKeyId: '${ID}', secretAccessKey: '${KEY}' };

function textWith(service: object, region: object = {}): string {
  const regions = { here: { bucket: 'bucket-1', ...region }, there: { bucket: 'bucket-2' } };
  return JSON.stringify({ ...minimalConfig(), services: { s3: { kind: 's3', regions, ...service } } });
}

function faultsOf(service: object, region: object = {}): ConfigError['faults'] {
  try {
    parseConfig(textWith(service, region), ENVIRONMENT);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

describe('credentials in the file', () => {
  test.each([
    ['of a service', KEYS, {}],
    ['of a region', null, { credentials: KEYS }],
    ['with a session token', { ...KEYS, sessionToken: '${TOKEN}' }, {}],
    ['with a session token that may be missing', { ...KEYS, sessionToken: '${NONE:-}' }, {}],
    ['by a profile, whose name is no secret', { profile: 'mirror' }, {}],
    ['of both', { profile: 'mirror' }, { credentials: KEYS }],
  ])('are accepted as variables: %s', (_name, credentials, region) => {
    expect(faultsOf({ credentials }, region)).toEqual([]);
  });

  test.each([
    ['accessKeyId', 'AKIAIOSFODNN7EXAMPLE'],
    ['secretAccessKey', 'wJalrXUtnFEMI'],
    ['secretAccessKey', 12_345],
    ['secretAccessKey', '${NONE:-wJalrXUtnFEMI}'],
    ['secretAccessKey', 'wJal${KEY}'],
    ['sessionToken', 'FwoGZXIvYXdzE'],
  ])('are refused as literals: %s %s', (key, value) => {
    for (const faults of [
      faultsOf({ credentials: { ...KEYS, [key]: value } }),
      faultsOf({}, { credentials: { ...KEYS, [key]: value } }),
    ]) {
      expect(faults).toHaveLength(1);
      expect(faults[0]?.path).toMatch(new RegExp(`credentials\\.${key}$`));
      expect(faults[0]?.expected).toContain('an environment variable');
      expect(JSON.stringify(faults)).not.toContain(String(value).slice(-5));
    }
  });

  test.each([
    ['nothing in them', {}],
    ['a key without its secret', { accessKeyId: '${ID}' }],
    ['a secret without its key', { secretAccessKey: '${KEY}' }],
    ['a token alone', { sessionToken: '${TOKEN}' }],
    ['both ways at once', { ...KEYS, profile: 'mirror' }],
  ])('must be either a key pair or a profile, not %s', (_name, credentials) => {
    const [fault, ...more] = faultsOf({ credentials });
    expect(fault).toMatchObject({
      path: 'services.s3.credentials',
      expected: expect.stringContaining('or profile') as string,
    });
    expect(more).toEqual([]);
  });

  describe('sign', () => {
    beforeEach(() => {
      vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDCHAIN');
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'chain-secret');
    });
    afterEach(() => void vi.unstubAllEnvs());

    test.each([
      [
        "a region's own, and the service's elsewhere",
        KEYS,
        { ...KEYS, accessKeyId: '${REGION_ID}' },
        'AKIDREGION',
        'AKIDSERVICE',
      ],
      ["the service's", KEYS, null, 'AKIDSERVICE', 'AKIDSERVICE'],
      ["a region's own, and the SDK's chain elsewhere", null, KEYS, 'AKIDSERVICE', 'AKIDCHAIN'],
    ])('what clients get: %s', async (_name, service, region, here, there) => {
      const text = textWith(
        { access: 'signed', credentials: service },
        region === null ? {} : { credentials: region },
      );
      const memory = {
        ...(JSON.parse(text) as object),
        entries: { kind: 'memory' },
        queue: { kind: 'memory' },
      };
      const config = parseConfig(JSON.stringify(memory), ENVIRONMENT);
      const silent = createLogger({
        level: 'silent',
        program: 'test',
        version: '0',
        destination: { write: () => undefined },
      });
      await using adapters = await openAdapters(config, { logger: silent });
      const signer = async (name: string) => {
        const address = await adapters.backends.get(name)?.store.urlFor('key', 'HEAD');
        return new URL(address ?? '').searchParams.get('X-Amz-Credential')?.split('/')[0];
      };
      expect([await signer('s3/here'), await signer('s3/there')]).toEqual([here, there]);
    });
  });
});

describe('unsupported features', () => {
  test.each([
    ['copies--usw2-az1--x-s3', 'a directory bucket'],
    ['copies--table-s3', 'a table bucket'],
    ['copies-abc--ol-s3', 'an Object Lambda access point'],
    ['mfzwi23gnjvgw.mrap', 'a multi-region access point'],
    ['arn:aws:s3:us-west-2:123456789012:accesspoint/mirror', 'an ARN'],
  ])('the bucket %s is reported as %s', (bucket, found) => {
    expect(faultsOf({}, { bucket })).toContainEqual({
      path: 'services.s3.regions.here.bucket',
      found: expect.stringContaining(found) as string,
      expected: expect.stringContaining('general purpose bucket') as string,
    });
  });

  test.each([
    ['requesterPays', 'whose owner pays'],
    ['requestPayer', 'whose owner pays'],
    ['sseCustomerKey', 'default encryption'],
    ['SSECustomerAlgorithm', 'default encryption'],
    ['sseC', 'default encryption'],
  ])('the key %s is reported with a remedy', (key, remedy) => {
    for (const faults of [faultsOf({ [key]: true }), faultsOf({}, { [key]: true })])
      expect(faults.some(({ path, expected }) => path.endsWith(key) && expected.includes(remedy))).toBe(true);
  });
});

describe('signed URLs that outlive their credentials cause a warning', () => {
  const warned = (service: object, region: object = {}): readonly string[] =>
    configWarnings(parseConfig(textWith(service, region), ENVIRONMENT)).map(({ path }) => path);
  const LONG = { access: 'signed', signedUrlSeconds: 86_400 };

  test.each([
    ["the SDK's chain", LONG, {}, true],
    ['a profile', { ...LONG, credentials: { profile: 'mirror' } }, {}, true],
    ['a session', { ...LONG, credentials: { ...KEYS, sessionToken: '${TOKEN}' } }, {}, true],
    ['one region of two', { signedUrlSeconds: 86_400 }, { access: 'signed' }, true],
    ['a key that does not expire', { ...LONG, credentials: KEYS }, {}, false],
    ['an hour', { ...LONG, signedUrlSeconds: 3600 }, {}, false],
    ['public copies', { signedUrlSeconds: 86_400 }, {}, false],
  ])('%s', (_name, service, region, expected) => {
    expect(warned(service, region)).toEqual(expected ? ['services.s3.signedUrlSeconds'] : []);
  });
});
