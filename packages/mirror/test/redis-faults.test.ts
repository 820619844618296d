import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ConfigError } from '@cloud-mirror/config';
import { parseConfig } from '../src/index.ts';
import { minimalWith } from './minimal-config.ts';

const SECRET = 'hunter2';

const folder = mkdtempSync(join(tmpdir(), 'cloud-mirror-pem-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** Creates a self-signed certificate and returns the path of its file. */
function certificate(): string {
  const key = join(folder, 'made.key');
  const cert = join(folder, 'made.pem');
  const subject = ['-subj', '/CN=test', '-days', '2', '-nodes', '-keyout', key, '-out', cert];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...subject], { stdio: 'ignore' });
  return cert;
}

const CA = certificate();

function faultsOf(entries: object): ConfigError['faults'] {
  try {
    parseConfig(minimalWith('entries', entries), {});
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

const sentinels = (changes: object) => ({ sentinels: { name: 'm', nodes: ['a', 'b'], ...changes } });

const FAULTS: [entries: object, path: string, found: RegExp, expected: RegExp][] = [
  [{ url: `redis://:Ab3%dEf${SECRET}@h` }, 'entries.url', /not UTF-8/, /%25/],
  [{ url: `redis://:Ab3%${SECRET}@h` }, 'entries.url', /% that begins no escape/, /%25/],
  [{ url: `redis://app:${SECRET}#abc@h` }, 'entries.url', /unescaped #/, /%23/],
  [{ url: `redis://app:${SECRET}/abc@h` }, 'entries.url', /unescaped \//, /%2F/],
  [{ url: 'redis://h/cache/1' }, 'entries.url', /not one number/, /\/N/],
  [{ url: 'redis://h?db=3' }, 'entries.url', /a query/, /entries\.db/],
  [{ url: 'h:6379' }, 'entries.url', /no scheme/, /redis:\/\/ or rediss:\/\//],
  [{ url: 7 }, 'entries.url', /a number \(not shown\)/, /redis:\/\//],
  [{ cluster: ['a', `redis://:${SECRET}@b/x`] }, 'entries.cluster[1]', /not one number/, /\/N/],
  [{ cluster: ['::1'] }, 'entries.cluster[0]', /several colons/, /\[::1\]/],
  [sentinels({ nodes: ['a', 'b:x'] }), 'entries.sentinels.nodes[1]', /an invalid port/, /65535/],
  [sentinels({ url: `redis://:${SECRET}@x@y` }), 'entries.sentinels.url', /several @/, /%40/],
  [
    sentinels({ nodes: ['a', 'redis://b/1'] }),
    'entries.sentinels.nodes[1]',
    /a database number/,
    /entries\.db/,
  ],
  [
    sentinels({ nodes: [`redis://:x${SECRET}@a`, `redis://:${SECRET}@b`] }),
    'entries.sentinels.nodes[1]',
    /a different password/,
    /nodes\[0\]/,
  ],
  [{ cluster: ['rediss://a', 'redis://b'] }, 'entries.cluster[1]', /a different scheme/, /cluster\[0\]/],
  [{ cluster: ['redis://a/1'] }, 'entries.cluster[0]', /a database number/, /only one that a cluster has/],
  [{ cluster: ['a'], db: 2 }, 'entries.db', /2/, /only one that a cluster has/],
  [{ url: 'redis://h/1', db: 2 }, 'entries.db', /2/, /entries\.url/],
  [{ url: `redis://app:${SECRET}@h`, username: 'other' }, 'entries.username', /"other"/, /entries\.url/],
  [{ url: `redis://:${SECRET}@h`, password: `${SECRET}x` }, 'entries.password', /not shown/, /entries\.url/],
  [
    { ...sentinels({ url: `redis://:${SECRET}@h` }), password: 'x' },
    'entries.password',
    /not shown/,
    /entries\.sentinels\.url/,
  ],
  [
    { cluster: [`redis://:${SECRET}@h`], password: 'x' },
    'entries.password',
    /not shown/,
    /entries\.cluster\[0\]/,
  ],
  [{ url: 'redis://h', username: 'app' }, 'entries.username', /without a password/, /entries\.password/],
  [{ url: 'redis://app@h' }, 'entries.url', /without a password/, /entries\.password/],
  [{ url: 'redis://h', username: 'a b', password: 'x' }, 'entries.username', /"a b"/, /ACL user/],
  [{ url: 'redis://h', password: '' }, 'entries.password', /empty/, /a password/],
  [{ url: 'redis://h', db: -1 }, 'entries.db', /-1/, /from 0/],
  [{ url: 'redis://h', tls: { ca: CA } }, 'entries.url', /redis:\/\/ .*not use TLS/, /rediss:\/\/, because/],
  [{ tls: { ca: CA } }, 'entries.url', /nothing/, /rediss:\/\//],
  [{ cluster: ['redis://a'], tls: { ca: CA } }, 'entries.cluster[0]', /not use TLS/, /or host:port/],
  [{ url: 'rediss://h', tls: { ca: join(folder, 'missing') } }, 'entries.tls.ca', /not exist/, /PEM/],
  [{ url: 'rediss://h', tls: { ca: folder } }, 'entries.tls.ca', /a folder/, /PEM/],
  [{ url: 'rediss://h', tls: { ca: file('text', SECRET) } }, 'entries.tls.ca', /no certificate/, /PEM/],
  [
    { url: 'rediss://h', tls: { ca: file('key', `-----BEGIN PRIVATE KEY-----\n${SECRET}`) } },
    'entries.tls.ca',
    /private key/,
    /PEM/,
  ],
  [
    {
      url: 'rediss://h',
      tls: { ca: file('bad', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n') },
    },
    'entries.tls.ca',
    /number 1 cannot be parsed/,
    /PEM/,
  ],
  [{ url: 'rediss://h', tls: { cert: 'x' } }, 'entries.tls.cert', /unknown key/, /ca/],
];

describe('a fault in the settings for reaching Redis', () => {
  test.each(FAULTS)('%j', (entries, path, found, expected) => {
    const faults = faultsOf(entries);
    expect(faults).toEqual([
      {
        path,
        found: expect.stringMatching(found) as string,
        expected: expect.stringMatching(expected) as string,
      },
    ]);
    expect(JSON.stringify(faults)).not.toContain(SECRET);
  });

  test.runIf(process.getuid?.() !== 0)('is a file that may not be read', () => {
    const closed = file('closed', 'x');
    chmodSync(closed, 0);
    expect(faultsOf({ url: 'rediss://h', tls: { ca: closed } })).toMatchObject([{ path: 'entries.tls.ca' }]);
  });
});

test.each([
  [{ url: 'redis://h', username: 'app', password: 'p#w/?@%', db: 3 }],
  [{ url: 'redis://app@h', password: 'x' }],
  [{ url: 'redis://app:x@h/3', username: 'app', password: 'x', db: 3 }],
  [{ url: 'rediss://h', tls: { ca: CA } }],
  [{ url: 'redis://h', tls: null, username: null, password: null, db: null }],
  [{ ...sentinels({ url: 'rediss://x/2' }), username: 'app', password: 'x', tls: { ca: CA } }],
  [{ ...sentinels({ nodes: ['redis://:y@a', 'redis://b'] }), password: 'x', db: 4 }],
  [{ ...sentinels({}), tls: { ca: CA } }],
  [{ cluster: ['a', 'rediss://:x@b', '[::1]:7000'], db: 0, tls: { ca: CA } }],
  [{ kind: 'memory', url: 'nonsense' }],
])('no fault: %j', (entries) => {
  expect(faultsOf(entries)).toEqual([]);
});

test('an empty variable means no password', () => {
  const text = minimalWith('entries', { url: 'redis://h', password: '${REDIS_PASSWORD:-}' });
  expect(parseConfig(text, {}).entries.password).toBeNull();
  expect(parseConfig(text, { REDIS_PASSWORD: '12345' }).entries.password).toBe('12345');
});
