import { chmod, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigError } from '@cloud-mirror/config';
import { loadConfig, parseConfig, requireSharedParts } from '../src/index.ts';
import { minimalConfig, minimalWith } from './minimal-config.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');

describe('the documented configuration', () => {
  async function documented(): Promise<string> {
    const page = await readFile(join(ROOT, 'docs', 'configuration.md'), 'utf8');
    const [, yaml = ''] = /^```yaml\n(.*?)^```$/ms.exec(page) ?? [];
    return yaml;
  }

  test('shows the defaults: a file with only the required keys has the same values', async () => {
    const shown = parseConfig(await documented(), {});
    const filled = parseConfig(
      JSON.stringify({
        ...minimalConfig(),
        services: { ...minimalConfig().services, local: { kind: 'filesystem', regions: { here: {} } } },
      }),
      {},
    );
    expect(shown).toEqual(filled);
  });

  test('shows every key with its default', async () => {
    const { entries, queue, server, services } = parseConfig(await documented(), {});
    expect(server).toEqual({
      host: '0.0.0.0',
      port: 8080,
      hosts: [],
      publicUrl: 'https://mirror.example.com',
      trustedProxies: [],
      maxWaitSeconds: 12,
      maxWaiting: 10_000,
      maxUrlBytes: 3000,
      rememberedBytes: null,
      redirectMaxAgeSeconds: 0,
      keepAliveSeconds: 75,
      drainSeconds: 30,
      rateLimit: { requestsPerSecond: 200, burst: 2000 },
    });
    expect(entries).toEqual({
      kind: 'redis',
      url: 'redis://localhost:6379/0',
      username: null,
      password: null,
      db: null,
      tls: { ca: null },
      keyPrefix: 'cloud-mirror',
      ttlSeconds: 84_600,
      expiryMarginSeconds: 600,
      queuedLeaseSeconds: 900,
      copyingLeaseSeconds: 60,
      errorSeconds: { first: 2, longest: 60 },
      originAnswerSeconds: 10,
      revalidateSeconds: 1,
      commandTimeoutMs: 500,
    });
    expect(queue).toEqual({
      kind: 'sqs',
      name: 'cloud-mirror-{service}-{region}',
      deadLetterSuffix: '_dead',
      region: 'us-west-2',
      endpoint: null,
      maxReceiveCount: 5,
      signingKey: null,
      visibilityTimeoutSeconds: 60,
      create: false,
      requestTimeoutMs: 5000,
    });
    expect(services.s3).toMatchObject({
      access: 'public',
      signedUrlSeconds: 60,
      lifespanDays: 1,
      create: false,
      partBytes: 8_388_608,
      partsInFlight: 4,
      requestTimeoutMs: 30_000,
    });
    expect(services.local).toMatchObject({ directory: 'data/objects', maxBytes: 10_737_418_240 });
  });
});

describe('the files in config/', () => {
  const environment = {
    REDIS_URL: 'rediss://user:password@redis.example.com:6379/0',
    ONCALL_TOKEN_SHA256: 'a'.repeat(64),
    CI_TOKEN_SHA256: 'b'.repeat(64),
  };

  test('all load', async () => {
    const files = (await readdir(join(ROOT, 'config'))).filter((name) => name.endsWith('.yaml'));
    expect(files).toEqual(expect.arrayContaining(['standalone.yaml', 'production.example.yaml']));
    for (const file of files)
      expect(await loadConfig(join(ROOT, 'config', file), environment)).toHaveProperty('server.publicUrl');
  });

  test('standalone.yaml needs only PORT to use another port', async () => {
    const config = await loadConfig(join(ROOT, 'config', 'standalone.yaml'), { PORT: '9000' });
    expect(config.server.port).toBe(9000);
    expect(config.server.publicUrl).toBe('http://127.0.0.1:9000');
  });

  test('standalone.yaml allows its own sample origin', async () => {
    const { sampleOrigin, sources } = await loadConfig(join(ROOT, 'config', 'standalone.yaml'), {
      SAMPLE_ORIGIN_PORT: '9001',
    });
    expect(sampleOrigin).toEqual({ host: '127.0.0.1', port: 9001 });
    expect(sources.allow).toContainEqual({
      prefix: 'http://127.0.0.1:9001/',
      tls: 'optional',
      privateAddresses: true,
      signedQuery: 'refuse',
      query: 'keep',
      onRefusal: 'pass',
      ignoreVary: false,
      ignoreCacheControl: false,
      keepCacheControl: false,
      budgets: { copiesPerMinute: null, bytesPerDay: null },
    });
  });
});

describe('values', () => {
  const load = (path: string, value: unknown) => parseConfig(minimalWith(path, value), {});

  test('a URL loses its trailing slash', () => {
    expect(load('server.publicUrl', 'https://mirror.example.com/m/').server.publicUrl).toBe(
      'https://mirror.example.com/m',
    );
  });

  test("a token's digest is converted to lower case", () => {
    const token = { name: 'oncall', sha256: 'AB'.repeat(32), scopes: ['read'] };
    expect(load('admin.tokens', [token]).admin.tokens[0]?.sha256).toBe('ab'.repeat(32));
  });

  test('a copier serves every back end by default', () => {
    const services = {
      s3: { kind: 's3', regions: { a: { bucket: 'bucket-a' }, b: { bucket: 'bucket-b' } } },
      local: { kind: 'filesystem', regions: { here: null } },
    };
    expect(load('services', services).copier.serves).toEqual(['s3/a', 's3/b', 'local/here']);
  });

  test('entries of the allow list without tls follow requireTls', () => {
    const allow = [
      { prefix: 'http://a.example.com/' },
      { prefix: 'https://b.example.com/', tls: 'required' },
    ];
    const config = load('sources', { requireTls: false, allow });
    expect(config.sources.allow.map((rule) => rule.tls)).toEqual(['optional', 'required']);
    expect(load('server.port', 1).sources.allow[0]?.tls).toBe('required');
  });

  test('a section without a value is an empty section', () => {
    expect(load('admin', null).admin).toEqual({ tokens: [] });
  });

  test.each([
    [{ url: 'rediss://user:pass@redis.example.com:6380/2' }],
    [{ sentinels: { name: 'mirror', nodes: ['a.example.com:26379', 'redis://:pass@b.example.com'] } }],
    [{ cluster: ['10.0.0.1:6379', '[2001:db8::1]:6379', 'rediss://c.example.com:6379'] }],
  ])('%j is enough to reach Redis', (connection) => {
    const { url, sentinels, cluster } = load('entries', connection).entries;
    expect(JSON.parse(JSON.stringify({ url, sentinels, cluster }))).toEqual(connection);
  });

  test('anchors, aliases and merge keys work', () => {
    const config = parseConfig(
      `
      server: { publicUrl: &mirror https://mirror.example.com }
      sources: { allow: [{ prefix: *mirror }] }
      services:
        s3:
          kind: s3
          regions:
            one: &lab { bucket: bucket-1, endpoint: 'http://127.0.0.1:7480', forcePathStyle: true }
            two: { <<: *lab, bucket: bucket-2 }`,
      {},
    );
    expect(config.services.s3?.regions.two).toMatchObject({ bucket: 'bucket-2', forcePathStyle: true });
    expect(config.sources.allow[0]?.prefix).toBe('https://mirror.example.com');
  });
});

describe('the file', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'load-config-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const write = async (text: string): Promise<string> => {
    const file = join(folder, 'config.yaml');
    await writeFile(file, text);
    return file;
  };
  const faultsOf = async (load: Promise<unknown>) => {
    const error = await load.then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).faults;
  };

  test('is named by CLOUD_MIRROR_CONFIG if the caller does not name one', async () => {
    const file = await write(JSON.stringify(minimalConfig()));
    const config = await loadConfig(undefined, { CLOUD_MIRROR_CONFIG: file });
    expect(config.server.publicUrl).toBe('https://mirror.example.com');
    const other = loadConfig(join(folder, 'other.yaml'), { CLOUD_MIRROR_CONFIG: file });
    expect(await faultsOf(other)).toMatchObject([{ found: 'no such file' }]);
  });

  test('must be named', async () => {
    expect(await faultsOf(loadConfig(undefined, {}))).toMatchObject([
      { found: 'no configuration file', expected: expect.stringContaining('CLOUD_MIRROR_CONFIG') as string },
    ]);
  });

  test('must be a readable file', async () => {
    expect(await faultsOf(loadConfig(folder, {}))).toMatchObject([{ found: 'a folder' }]);
    // The superuser may read everything.
    if (process.getuid?.() !== 0) {
      const file = await write('');
      await chmod(file, 0);
      expect(await faultsOf(loadConfig(file, {}))).toMatchObject([
        { found: expect.stringContaining('may not') as string },
      ]);
    }
  });

  test.each([
    ['', 'an empty file'],
    ['# nothing but a comment\n', 'an empty file'],
    ['- a\n- b\n', 'a list'],
    ['just a text', 'a single value'],
  ])('that contains %j is not a configuration', async (text, found) => {
    expect(await faultsOf(loadConfig(await write(text), {}))).toMatchObject([{ path: '', found }]);
  });

  test.each([
    ['server:\n  port: 1\n  port: 2\n', 'line 3, column 3', 'the key port twice in one mapping'],
    ['server:\n\tport: 1\n', 'line 2, column 1', 'a tab in the indentation'],
    ['server: [1, 2\n', 'line 2, column 1', 'wrong indentation, or a bracket that is not closed'],
    ['a: 1\n---\nb: 2\n', 'line 2, column 1', 'a second YAML document'],
    ['server: !!js/function "x"\n', 'line 1, column 9', 'a YAML tag (!)'],
    ['server: *nowhere\n', 'line 1, column 9', 'the alias *nowhere, which has no anchor'],
  ])('the fault in %j names line and column', async (text, path, found) => {
    expect(await faultsOf(loadConfig(await write(text), {}))).toContainEqual(
      expect.objectContaining({ path, found }),
    );
  });

  test('the fault of an unquoted variable inside braces says to quote it', async () => {
    const faults = await faultsOf(loadConfig(await write('entries: { url: ${REDIS_URL} }\n'), {}));
    expect(faults[0]?.expected).toContain('put quotes around "${NAME}"');
  });

  test('aliases that grow without bound, or contain themselves, are faults', async () => {
    const levels = [
      'a: &a0 [x]',
      ...Array.from({ length: 9 }, (_, n) => `a${n}: &a${n + 1} [${`*a${n},`.repeat(9)}]`),
    ];
    expect(await faultsOf(loadConfig(await write(levels.join('\n')), {}))).toHaveLength(1);
    expect(await faultsOf(loadConfig(await write('server: &s\n  host: *s\n'), {}))).toContainEqual(
      expect.objectContaining({
        path: 'server.host',
        found: 'an alias inside the value that it refers to',
      }),
    );
  });

  test('values nested too deeply are a fault', async () => {
    expect(await faultsOf(loadConfig(await write('['.repeat(50_000)), {}))).not.toHaveLength(0);
    expect(
      await faultsOf(loadConfig(await write(`a: ${'['.repeat(9000)}${']'.repeat(9000)}`), {})),
    ).not.toHaveLength(0);
  });
});

describe('separate front end and copier processes', () => {
  test('need entries and a queue outside their memory', () => {
    const config = parseConfig(
      JSON.stringify({ ...minimalConfig(), entries: { kind: 'memory' }, queue: { kind: 'memory' } }),
      {},
    );
    expect(() => requireSharedParts(config)).toThrow(ConfigError);
    expect(() => requireSharedParts(config)).toThrow(/entries\.kind.*\n.*queue\.kind/);
    expect(() => requireSharedParts(parseConfig(JSON.stringify(minimalConfig()), {}))).not.toThrow();
  });
});
