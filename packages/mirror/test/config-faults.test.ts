import { describe, expect, test } from 'vitest';
import { ConfigError } from '@cloud-mirror/config';
import { parseConfig } from '../src/index.ts';
import { minimalConfig, minimalWith } from './minimal-config.ts';

function faultsOf(text: string, environment = {}): ConfigError['faults'] {
  try {
    parseConfig(text, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

const token = (changes: object) => ({
  name: 'oncall',
  sha256: 'ab'.repeat(32),
  scopes: ['read'],
  ...changes,
});
const region = { bucket: 'bucket-1' };
const other = { bucket: 'bucket-2' };
const lab = (endpoint: string, bucket = 'bucket-1') => ({ bucket, endpoint });
const s3 = (changes: object) => ({ kind: 's3', regions: { a: region }, ...changes });
const folder = (changes: object) => ({ kind: 'filesystem', regions: { here: {} }, ...changes });

/** The path at which a value is set, the value, and the single fault that it causes. */
const FAULTS: [path: string, value: unknown, faultPath: string, found: string, expected: string][] = [
  ['server.publicUrl', undefined, 'server.publicUrl', 'nothing', 'http:// or https://'],
  ['server', undefined, 'server.publicUrl', 'nothing', 'http:// or https://'],
  [
    'server.publicUrl',
    'mirror.example.com',
    'server.publicUrl',
    '"mirror.example.com"',
    'http:// or https://',
  ],
  ['server.publicUrl', 'ftp://mirror.example.com', 'server.publicUrl', '"ftp://', 'http:// or https://'],
  [
    'server.publicUrl',
    'https://m.example.com/?a=b',
    'server.publicUrl',
    '"https://m.example.com/?***"',
    'query',
  ],
  ['server.publicUrl', 'https://m.example.com/#a', 'server.publicUrl', '"https://m', 'fragment'],
  [
    'server.publicUrl',
    'https://user:hunter2@m.example.com',
    'server.publicUrl',
    '"***@m.example.com"',
    'credentials',
  ],
  ...['https://m.example.com', 'm.example.com:80', '*.example.com', '*', '', 'a/b', '[::1', 7].map(
    (name): (typeof FAULTS)[number] => [
      'server.hosts',
      ['frontend', name],
      'server.hosts[1]',
      name === '' ? 'an empty string' : String(name),
      'without scheme and port',
    ],
  ),
  [
    'queue.signingKey',
    'hunter2',
    'queue.signingKey',
    'a string of 7 characters (not shown)',
    '32 characters',
  ],
  ['queue.signingKey', 12, 'queue.signingKey', 'a number (not shown)', '32 characters'],
  ['queue.signingKey', [], 'queue.signingKey', 'a list of 0', '32 characters'],
  [
    'queue.signingKey',
    ['x'.repeat(32), 'hunter2'],
    'queue.signingKey[1]',
    'a string of 7 characters (not shown)',
    '32 characters',
  ],
  ['server.port', 65_536, 'server.port', '65536', 'a whole number from 0 to 65535'],
  ['server.port', -1, 'server.port', '-1', 'a whole number from 0 to 65535'],
  ['server.port', 80.5, 'server.port', '80.5', 'a whole number'],
  ['server.port', '8080', 'server.port', '"8080"', 'a whole number'],
  ['server.port', null, 'server.port', 'null', 'a whole number'],
  ['server.host', '', 'server.host', 'an empty string', 'host name'],
  ['server.prot', 8080, 'server.prot', 'an unknown key', 'did you mean "port"?'],
  ['server.maxwaitseconds', 1, 'server.maxwaitseconds', 'an unknown key', 'did you mean "maxWaitSeconds"?'],
  ['sevices', {}, 'sevices', 'an unknown key', 'did you mean "services"?'],
  ['zzz', 1, 'zzz', 'an unknown key', 'one of server, admin'],
  ['server.trustedProxies', ['10.0.0.0/33'], 'server.trustedProxies[0]', '"10.0.0.0/33"', '10.0.0.0/8'],
  ['server.trustedProxies', ['::1', 'proxy'], 'server.trustedProxies[1]', '"proxy"', 'range'],
  ['server.trustedProxies', '10.0.0.0/8', 'server.trustedProxies', '"10.0.0.0/8"', 'a list'],
  ['server.maxWaitSeconds', 30, 'server.drainSeconds', '30', 'more than server.maxWaitSeconds (30)'],
  ['server.drainSeconds', 12, 'server.drainSeconds', '12', 'more than server.maxWaitSeconds (12)'],
  [
    'server.rateLimit',
    { requestsPerSecond: 0, burst: 1 },
    'server.rateLimit.requestsPerSecond',
    '0',
    'above 0',
  ],
  ['server.rateLimit', { requestsPerSecond: 1 }, 'server.rateLimit.burst', 'nothing', 'a whole number'],
  [
    'admin.tokens',
    [token({ sha256: 'hunter2' })],
    'admin.tokens[0].sha256',
    '7 characters',
    '64 hexadecimal',
  ],
  ['admin.tokens', [token({ scopes: ['root'] })], 'admin.tokens[0].scopes[0]', '"root"', 'read or purge'],
  [
    'admin.tokens',
    [token({ scopes: ['read', 'prefetch'] })],
    'admin.tokens[0].scopes[1]',
    '"prefetch"',
    'no call needs the scope prefetch, so remove it',
  ],
  ['admin.tokens', [token({ scopes: [] })], 'admin.tokens[0].scopes', 'a list of 0', 'at least one of read'],
  ['admin.tokens', [token({ name: 'a b' })], 'admin.tokens[0].name', '"a b"', 'letters'],
  [
    'admin.tokens',
    [token({}), token({ sha256: 'cd'.repeat(32) })],
    'admin.tokens[1].name',
    '"oncall"',
    'a unique name',
  ],
  [
    'admin.tokens',
    [token({}), token({ name: 'b' })],
    'admin.tokens[1].sha256',
    '64 characters',
    'a unique sha256',
  ],
  ['admin.tokens', ['hunter2'], 'admin.tokens[0]', '7 characters', 'a mapping'],
  ['sources', {}, 'sources.allow', 'nothing', 'a list of what may be mirrored'],
  ['sources', undefined, 'sources.allow', 'nothing', 'a list of what may be mirrored'],
  ['sources.allow', [{}], 'sources.allow[0]', 'neither prefix nor pattern', 'exactly one'],
  [
    'sources.allow',
    [{ prefix: 'https://a/', pattern: '^https://a/' }],
    'sources.allow[0]',
    'both',
    'exactly one',
  ],
  [
    'sources.allow',
    [{ prefix: 'a.example.com/' }],
    'sources.allow[0].prefix',
    '"a.example.com/", which must be a URL',
    'scheme, host and the beginning of a path',
  ],
  [
    'sources.allow',
    [{ prefix: 'https://a/?token=hunter2' }],
    'sources.allow[0].prefix',
    '"https://a/?***", which must not contain a query',
    'scheme, host',
  ],
  [
    'sources.allow',
    [{ prefix: 'https://u:hunter2@a/' }],
    'sources.allow[0].prefix',
    '"***@a/", which must not contain credentials',
    'scheme, host',
  ],
  [
    'sources.allow',
    [{ prefix: 'http://a.example.com/' }],
    'sources.allow[0].prefix',
    '"http://',
    'tls: optional',
  ],
  [
    'sources.allow',
    [{ prefix: 'https://a/', tls: 'maybe' }],
    'sources.allow[0].tls',
    '"maybe"',
    'required or optional',
  ],
  [
    'sources.allow',
    [{ prefix: 'https://a/', signedQuery: 1 }],
    'sources.allow[0].signedQuery',
    '1',
    'refuse or keep',
  ],
  [
    'sources.allow',
    [{ pattern: 'https://a/' }],
    'sources.allow[0].pattern',
    'which must begin with ^',
    '^https://',
  ],
  ['sources.allow', [{ pattern: '^https://.*/' }], 'sources.allow[0].pattern', 'in its host', '^https://'],
  ['sources.allow', [{ pattern: '^https://a(/' }], 'sources.allow[0].pattern', 'which ', '^https://'],
  ['sources.allow', [{ pattern: '^http://a/' }], 'sources.allow[0].pattern', '"^http://a/"', 'tls: optional'],
  ['sources.maxObjectBytes', 0, 'sources.maxObjectBytes', '0', 'a whole number of bytes'],
  [
    'sources.timeouts',
    { totalSeconds: 0 },
    'sources.timeouts.totalSeconds',
    '0',
    'a whole number of seconds',
  ],
  ...[0, -1, 1.1, '25%', null].map((copyShare): [string, unknown, string, string, string] => [
    'sources.perOrigin',
    { copyShare },
    'sources.perOrigin.copyShare',
    JSON.stringify(copyShare),
    'a number above 0 and at most 1',
  ]),
  ...[
    ['connections', 0, 'a whole number from 1 to 65536'],
    ['connections', null, 'a whole number'],
    ['requestsPerSecond', 0, 'a number above 0'],
    ['requestsPerSecond', '5/s', 'a number above 0'],
    ['bytesPerSecond', 0.5, 'a whole number of bytes'],
    ['bytesPerSecond', '1 MB', 'a whole number of bytes'],
  ].map(([key = '', value, expected]): [string, unknown, string, string, string] => [
    'sources.perOrigin',
    { [String(key)]: value },
    `sources.perOrigin.${key}`,
    JSON.stringify(value),
    String(expected),
  ]),
  ['sources.perOrigin', { conections: 5 }, 'sources.perOrigin.conections', 'an unknown key', '"connections"'],
  ['entries.kind', 'memcached', 'entries.kind', '"memcached"', 'redis or memory'],
  [
    'entries.url',
    'http://:hunter2@a',
    'entries.url',
    'a string of 17 characters (not shown)',
    'redis://, or rediss:// for TLS',
  ],
  ['entries', { url: 'redis://a', cluster: ['a'] }, 'entries', 'url and cluster', 'exactly one'],
  ['entries.cluster', [], 'entries.cluster', 'a list of 0', 'at least one host:port'],
  ['entries.sentinels', { nodes: ['a:1'] }, 'entries.sentinels.name', 'nothing', 'name of the group'],
  ['entries.keyPrefix', 'a{b}', 'entries.keyPrefix', '"a{b}"', 'letters'],
  [
    'entries.errorSeconds',
    { first: 61 },
    'entries.errorSeconds.longest',
    '60',
    'at least entries.errorSeconds.first (61)',
  ],
  ['entries.copyingLeaseSeconds', 30, 'queue.visibilityTimeoutSeconds', '60', 'copyingLeaseSeconds (30)'],
  ['queue.visibilityTimeoutSeconds', 30, 'queue.visibilityTimeoutSeconds', '30', 'copyingLeaseSeconds (60)'],
  [
    'entries.expiryMarginSeconds',
    84_600,
    'entries.expiryMarginSeconds',
    '84600',
    'less than entries.ttlSeconds (84600)',
  ],
  [
    'entries',
    { ttlSeconds: 60, expiryMarginSeconds: 61 },
    'entries.expiryMarginSeconds',
    '61',
    'ttlSeconds (60)',
  ],
  ['entries.expiryMarginSeconds', -1, 'entries.expiryMarginSeconds', '-1', 'from 0 to 604800'],
  [
    'entries',
    { ttlSeconds: 90_000, expiryMarginSeconds: 86_400 },
    'entries.expiryMarginSeconds',
    '86400',
    'less than services.s3.lifespanDays (1, so 86400 s)',
  ],
  ['entries.commandTimeoutMs', 60_000, 'entries.commandTimeoutMs', '60000', 'copyingLeaseSeconds (60 s)'],
  [
    'sources.timeouts.totalSeconds',
    90_000,
    'copier.sweepUploadsAfterHours',
    '24',
    'at least sources.timeouts.totalSeconds (90000 s, 25 h)',
  ],
  ['queue.kind', 'kafka', 'queue.kind', '"kafka"', 'sqs or memory'],
  ['queue.name', 'cloud mirror', 'queue.name', '"cloud mirror" for s3/us-west-1', 'SQS accepts'],
  [
    'queue.name',
    'jobs.{service}.{region}',
    'queue.name',
    '"jobs.s3.us-west-1" for s3/us-west-1',
    'SQS accepts',
  ],
  ['queue.name', `${'x'.repeat(76)}-{region}`, 'queue.name', 'for s3/us-west-1', 'at most 80'],
  ['queue.name', '{zone}', 'queue.name', '"{zone}" for s3/us-west-1', 'SQS accepts'],
  ['queue.endpoint', 'localhost:4566', 'queue.endpoint', '"localhost:4566"', 'http://'],
  ['queue.create', 'yes', 'queue.create', '"yes"', 'true or false'],
  ['services', {}, 'services', 'an empty mapping', 'at least one service'],
  ['services', undefined, 'services', 'nothing', 'at least one service'],
  ['services', [], 'services', 'a list of 0', 'at least one service'],
  ['services.all', s3({}), 'services.all', 'the name "all"', 'reserved'],
  ['services.s3.regions.all', region, 'services.s3.regions.all', 'the name "all"', 'reserved'],
  ['services', { '../x': folder({}) }, 'services["../x"]', 'the name "../x"', 'letters'],
  [
    'services',
    { local: folder({ regions: { '.': {} } }) },
    'services.local.regions["."]',
    'the name "."',
    'letters',
  ],
  ['services', { __proto__x: folder({}) }, 'services.__proto__x', 'the name "__proto__x"', 'letters'],
  ['services', { a: { regions: { b: region } } }, 'services.a.kind', 'nothing', 's3 or filesystem'],
  ['services', { a: s3({ kind: 'gcs' }) }, 'services.a.kind', '"gcs"', 's3 or filesystem'],
  ['services', { a: s3({ kind: 'filesystem' }) }, 'services.a.regions.a.bucket', 'an unknown key', ''],
  ['services', { a: 'b' }, 'services.a', '"b"', 'a mapping with kind and regions'],
  ['services', { a: s3({ regions: {} }) }, 'services.a.regions', 'an empty mapping', 'at least one region'],
  [
    'services',
    { a: s3({ regions: { b: {} } }) },
    'services.a.regions.b.bucket',
    'nothing',
    'the name of a bucket',
  ],
  [
    'services',
    { a: s3({ regions: { b: { bucket: 'a/b' } } }) },
    'services.a.regions.b.bucket',
    '"a/b"',
    'bucket',
  ],
  ['services', { a: s3({ access: 'private' }) }, 'services.a.access', '"private"', 'public or signed'],
  ['services', { a: s3({ signedUrlSeconds: 604_801 }) }, 'services.a.signedUrlSeconds', '604801', '604800'],
  ['services', { a: s3({ partBytes: 5_242_879 }) }, 'services.a.partBytes', '5242879', 'from 5242880'],
  ['services', { a: s3({ maxBytes: 1 }) }, 'services.a.maxBytes', 'an unknown key', 'one of kind'],
  ['services', { a: folder({ maxBytes: 0 }) }, 'services.a.maxBytes', '0', 'a whole number of bytes'],
  [
    'services',
    { a: folder({}), b: folder({}) },
    'services.b.directory',
    '"data/objects"',
    'not the folder of a/here',
  ],
  [
    'services',
    { a: s3({ regions: { b: region, c: other, d: region } }) },
    'services.a.regions.d.bucket',
    '"bucket-1"',
    'a bucket of its own: a/b uses this one',
  ],
  [
    'services',
    { a: s3({}), b: s3({ regions: { z: region } }) },
    'services.b.regions.z.bucket',
    '"bucket-1"',
    'a bucket of its own: a/a uses this one',
  ],
  [
    'services',
    { a: s3({ regions: { b: region, c: lab('https://s3.eu-west-1.amazonaws.com') } }) },
    'services.a.regions.c.bucket',
    '"bucket-1"',
    'a bucket of its own: a/b uses this one',
  ],
  [
    'services',
    { a: s3({ regions: { b: lab('http://127.0.0.1:9000'), c: lab('http://localhost:9000/') } }) },
    'services.a.regions.c.bucket',
    '"bucket-1"',
    'a bucket of its own: a/b uses this one',
  ],
  [
    'services',
    { a: s3({ regions: { b: lab('https://store.example'), c: lab('https://STORE.example:443') } }) },
    'services.a.regions.c.bucket',
    '"bucket-1"',
    'a bucket of its own: a/b uses this one',
  ],
  [
    'services',
    { a: folder({ directory: 'data' }), b: folder({ directory: './x/../data/' }) },
    'services.b.directory',
    '"./x/../data/"',
    'not the folder of a/here',
  ],
  ['copier.serves', ['s3/us-west-9'], 'copier.serves[0]', '"s3/us-west-9"', 's3/us-west-1'],
  ['copier.serves', ['s3/us-west-1', 's3/us-west-1'], 'copier.serves[1]', '"s3/us-west-1"', 'once'],
  ['copier.serves', [], 'copier.serves', 'a list of 0', 'at least one'],
  ['copier.concurrency', 0, 'copier.concurrency', '0', 'a whole number from 1'],
  ['copier.health', { port: 'x' }, 'copier.health.port', '"x"', '65535'],
  ['log.level', 'verbose', 'log.level', '"verbose"', 'trace or debug or info'],
  ['sampleOrigin', { port: 8080 }, 'sampleOrigin.port', '8080', 'another port than server.port (8080)'],
  ['sampleOrigin', { port: 99_999 }, 'sampleOrigin.port', '99999', '65535'],
];

describe('a fault', () => {
  test.each(FAULTS)('%s: %j', (path, value, faultPath, found, expected) => {
    expect(faultsOf(minimalWith(path, value))).toEqual([
      {
        path: faultPath,
        found: expect.stringContaining(found) as string,
        expected: expect.stringContaining(expected) as string,
      },
    ]);
  });

  test('in the name of a region with a dot shows the invalid queue name', () => {
    const faults = faultsOf(minimalWith('services', { s3: s3({ regions: { 'eu.west': region } }) }));
    expect(faults).toMatchObject([{ path: 'queue.name', found: '"cloud-mirror-s3-eu.west" for s3/eu.west' }]);
    const memory = { ...minimalConfig(), queue: { kind: 'memory' } };
    const withDot = { ...memory, services: { s3: s3({ regions: { 'eu.west': region } }) } };
    expect(faultsOf(JSON.stringify(withDot))).toEqual([]);
  });

  test('is two back ends with one queue, or a queue that is the dead-letter queue of another', () => {
    const two = s3({ regions: { a: region, a_dead: other } });
    const shared = { ...minimalConfig(), services: { s3: two }, queue: { name: 'jobs-{service}' } };
    expect(faultsOf(JSON.stringify(shared))).toMatchObject([
      {
        path: 'queue.name',
        found: '"jobs-s3" for s3/a_dead',
        expected: expect.stringContaining('s3/a') as string,
      },
    ]);
    expect(faultsOf(JSON.stringify({ ...minimalConfig(), services: { s3: two } }))).toMatchObject([
      { path: 'queue.name', found: '"cloud-mirror-s3-a_dead" for s3/a_dead' },
    ]);
  });

  test('is a folder inside another one', () => {
    const services = { a: folder({ directory: 'data' }), b: folder({ directory: './data/here/x' }) };
    expect(faultsOf(minimalWith('services', services))).toMatchObject([{ path: 'services.b.directory' }]);
    const apart = { a: folder({ directory: 'data' }), b: folder({ directory: 'data-2' }) };
    expect(faultsOf(minimalWith('services', apart))).toEqual([]);
  });
});

test.each([
  ['services', { a: s3({ regions: { b: lab('http://127.0.0.1:9000'), c: lab('http://127.0.0.1:9001') } }) }],
  ['services', { a: s3({ regions: { b: region, c: lab('https://store.example') } }) }],
  [
    'services',
    { a: s3({ regions: { b: lab('https://store.example/x'), c: lab('https://store.example/y') } }) },
  ],
  ['services', { a: s3({ regions: { b: region, c: other } }) }],
  ['entries.expiryMarginSeconds', 84_599],
  ['entries.ttlSeconds', 5],
  ['entries.commandTimeoutMs', 59_999],
  ['sources.timeouts.totalSeconds', 86_400],
  ['sampleOrigin', { port: 0 }],
])('no fault: %s: %j', (path, value) => {
  expect(faultsOf(minimalWith(path, value))).toEqual([]);
});

test('the default margin is at most half of the TTL', () => {
  const margin = (entries: object) =>
    parseConfig(minimalWith('entries', entries), {}).entries.expiryMarginSeconds;
  expect(margin({})).toBe(600);
  expect(margin({ ttlSeconds: 5 })).toBe(2);
  expect(margin({ ttlSeconds: 5, expiryMarginSeconds: 4 })).toBe(4);
});

test('one run reports every fault, of single keys and of rules about several keys', () => {
  const text = `
    server: { publicUrl: 'https://m.example.com', prot: 1, maxWaitSeconds: 60 }
    admin: { tokens: [{ name: a, sha256: x, scopes: [read] }] }
    sources: { allow: [{ prefix: 'http://a.example.com/' }, 7] }
    queue: { visibilityTimeoutSeconds: 5, create: 1 }
    services: { all: { kind: s3, regions: { a: { bucket: 'bucket-1', endpoint: here } } } }
    copier: { serves: [x/y] }
    log: { level: '\${LEVEL}' }`;
  const paths = faultsOf(text, { PORT: 'http' }).map((fault) => fault.path);
  expect(paths.toSorted()).toEqual(
    [
      'PORT',
      'admin.tokens[0].sha256',
      'copier.serves[0]',
      'log.level',
      'queue.create',
      'queue.visibilityTimeoutSeconds',
      'server.drainSeconds',
      'server.prot',
      'services.all',
      'services.all.regions.a.endpoint',
      'sources.allow[0].prefix',
      'sources.allow[1]',
    ].toSorted(),
  );
});

test.each([1.5, -1, 1e300])(
  'the number %d does not hide the faults of rules about several keys',
  (number) => {
    const config = minimalConfig();
    const text = JSON.stringify({
      ...config,
      server: { ...config['server'], keepAliveSeconds: number },
      queue: { visibilityTimeoutSeconds: 61 },
    });
    expect(faultsOf(text).map((fault) => fault.path)).toEqual([
      'server.keepAliveSeconds',
      'queue.visibilityTimeoutSeconds',
    ]);
  },
);

test('the message has one line per fault, with path, found and expected', () => {
  const text = minimalWith('server.port', 'http');
  expect(() => parseConfig(text, {}, 'my.yaml')).toThrow(
    'my.yaml: 1 fault in the configuration\n' +
      '  server.port: found "http"; expected a whole number from 0 to 65535',
  );
});

test('no fault shows a secret', () => {
  const secret = 'hunter2-hunter2';
  const text = `
    server: { publicUrl: 'ftp://u:${secret}@h' }
    admin: { tokens: [{ name: a, sha256: ${secret}, scopes: ${secret} }, ${secret}] }
    sources: { allow: [{ prefix: 'https://u:${secret}@h/' }, { prefix: 'https://h/?sig=${secret}' }] }
    entries: { url: 'redis//:${secret}@h', cluster: ['${secret} @h'], sentinels: { name: m, nodes: ['\${PASSWORD} x'] } }
    queue: { endpoint: 'u:${secret}@h' }
    services: { s3: { kind: s3, regions: { a: { bucket: b, endpoint: 'http://u:${secret}@[' } } } }`;
  for (const yaml of [text, `${text}\n  : [`, text.replace('admin: {', 'admin: ')]) {
    const message = faultsOf(yaml, { PASSWORD: secret })
      .map((fault) => JSON.stringify(fault))
      .join('\n');
    expect(message).not.toBe('');
    expect(message).not.toContain(secret);
  }
});
