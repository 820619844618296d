import { describe, expect, test } from 'vitest';
import { normalizeOriginUrl } from '../src/normal-form.ts';
import { checkPrefix, createSourcePolicy, type SourceRule } from '../src/source-policy.ts';

/** Percent-encodes every character of `text`, `times` times. */
function encodedTimes(text: string, times: number): string {
  if (times === 0) return text;
  const encoded = Array.from(text, (each) => `%${each.charCodeAt(0).toString(16)}`).join('');
  return encodedTimes(encoded, times - 1);
}

function decide(rules: readonly SourceRule[], url: string, { requireTls = true, hop = false } = {}) {
  return createSourcePolicy({ requireTls, allow: rules }).decide(normalizeOriginUrl(url), { hop });
}

describe('prefix rules', () => {
  const host: SourceRule = { prefix: 'https://allowed.example' };
  const folder: SourceRule = { prefix: 'https://allowed.example/builds/' };
  const item: SourceRule = { prefix: 'https://allowed.example/builds' };

  test.each<[SourceRule, string]>([
    [host, 'https://allowed.example/'],
    [host, 'https://allowed.example/any/thing?x=1'],
    [host, 'https://ALLOWED.example./x'],
    [host, 'https://allowed.example:443/'],
    [host, 'https://allowed.example/%252e%252e/'],
    [folder, 'https://allowed.example/builds/'],
    [folder, 'https://allowed.example/builds/1/x.zip'],
    [folder, 'https://allowed.example/builds/%2e%2e./x'],
    [folder, 'https://allowed.example/builds/a%2Fb'],
    [folder, 'https://allowed.example/other/../builds/x'],
    [item, 'https://allowed.example/builds'],
    [item, 'https://allowed.example/builds/x'],
    [item, 'https://allowed.example/builds?x'],
    [{ prefix: 'https://allowed.example.:8443/' }, 'https://allowed.example:8443/x'],
    [{ prefix: 'https://[2606:4700::1111]/' }, 'https://[2606:4700:0::1111]/x'],
  ])('%j allows %s', (rule, url) => {
    expect(decide([rule], url)).toMatchObject({ allowed: true, privateAddresses: false });
  });

  test.each<[SourceRule, string]>([
    [host, 'https://allowed.example.evil.test/'],
    [host, 'https://evil.test/?u=https://allowed.example/'],
    [host, 'https://evil.test/https://allowed.example/'],
    [host, 'https://notallowed.example/'],
    [host, 'https://sub.allowed.example/'],
    [host, 'https://аllowed.example/'],
    [host, 'https://allowed.example:22/'],
    [host, 'https://allowed.example:6379/'],
    [host, 'https://allowed.example:0/'],
    [host, 'http://allowed.example/'],
    [host, 'http://allowed.example:443/'],
    [host, 'http://127.0.0.1,allowed.example/'],
    [host, 'https://user:pass@allowed.example/'],
    [host, 'https://user@allowed.example/'],
    [host, 'https://allowed.example@169.254.169.254/'],
    [host, 'https://[::1]@allowed.example/'],
    [folder, 'https://allowed.example/builds'],
    [folder, 'https://allowed.example/builds-evil/x'],
    [folder, 'https://allowed.example/BUILDS/x'],
    [folder, 'https://allowed.example/%62uilds/x'],
    [folder, 'https://allowed.example/builds/../secret'],
    [folder, 'https://allowed.example/builds/%2e%2e/secret'],
    [folder, 'https://allowed.example/builds/%2E./secret'],
    [folder, 'https://allowed.example/builds/..%2fsecret'],
    [folder, 'https://allowed.example/builds/%2e%2e%2fsecret'],
    [folder, 'https://allowed.example/builds/..%5Csecret'],
    [folder, 'https://allowed.example/builds/x%2f..%2f..%2fsecret'],
    [folder, 'https://allowed.example/builds/%252e%252e%252fsecret'],
    [folder, 'https://allowed.example/builds/%252e%252e/secret'],
    [folder, 'https://allowed.example/builds/..;/secret'],
    [folder, 'https://allowed.example/builds/..;a=b/secret'],
    [folder, 'https://allowed.example/builds/.%3b/secret'],
    [item, 'https://allowed.example/builds-evil'],
    [item, 'https://allowed.example/builds.zip'],
  ])('%j refuses %s', (rule, url) => {
    expect(decide([rule], url)).toMatchObject({ allowed: false, reason: expect.any(String) as string });
  });

  test.each([
    'allowed.example',
    'ftp://allowed.example/',
    'https://user@allowed.example/',
    'https://@allowed.example/',
    'https://allowed.example/?x=1',
    'https://allowed.example/#x',
    'https:allowed.example/',
    'https://allowed.example/a b',
    'https://evil.test\\.allowed.example/',
    'https://allowed.example/builds/..%2f',
    'https://allowed.example/builds%5cx/',
    'https://allowed.example/%c0%ae%c0%ae/',
    'https://',
  ])('%s is not a valid prefix', (text) => {
    expect(checkPrefix(text)).toEqual(expect.any(String));
    expect(() => createSourcePolicy({ requireTls: true, allow: [{ prefix: text }] })).toThrow(TypeError);
  });
});

describe('a path that servers read in different ways', () => {
  const ambiguous = [
    '..%2525252fsecret',
    '%2525252e%2525252e/secret',
    '%25%32%65%25%32%65/secret',
    '%%32%65%%32%65/secret',
    `%${'25'.repeat(400)}2e./secret`,
    '%25%32%35%32%65./secret',
    `${encodedTimes('.', 3)}./secret`,
    `${encodedTimes('x', 7)}`,
    '..%00/secret',
    '..%00.zip',
    '.%00./secret',
    '%00../secret',
    '..%20/secret',
    '..%20./secret',
    '%20../secret',
    '..%09/secret',
    '..%0d%0a/secret',
    '..%7f/secret',
    '..%c2%85/secret',
    '..%85/secret',
    '..%a0/secret',
    '..%c2%a0/secret',
    '.%c2%ad./secret',
    '..%e2%80%8b/secret',
    '..%ef%bb%bf/secret',
    '.%ff./secret',
    '..%3f/secret',
    '..%23/secret',
    '..%3a/secret',
    '..::$DATA/secret',
    '..;/secret',
    '..%253ba=b/secret',
    '%u002e%u002e/secret',
    '%U002E./secret',
    '%25u002e%25u002e/secret',
    '..%u002fsecret',
    '..%u2215secret',
    '%uff0e%uff0e%uff0fsecret',
    '%ef%bc%8e%ef%bc%8e/secret',
    '..%ef%bc%8fsecret',
    '..%e2%88%95secret',
    '%e2%80%a5/secret',
    '%c0%ae%c0%ae/secret',
    '%C0%AE./secret',
    '..%c0%afsecret',
    '%c0%2e%c0%2e/secret',
    '..%c0%2fsecret',
    '%e0%80%ae%e0%80%ae/secret',
    '%f0%80%80%ae./secret',
    '%f8%80%80%80%ae./secret',
    '%fc%80%80%80%80%ae./secret',
    '%25c0%25ae%25c0%25ae/secret',
    '%c0%a52e%c0%a52e/secret',
    '..%5csecret',
    'x%5csecret',
    'x%255csecret',
    'x%25255csecret',
    'x%u005csecret',
    'x%c1%9csecret',
    'x%c1%1csecret',
    'x%e0%81%9csecret',
    '%5c%5cserver%5cshare',
    '..%ef%bc%bcsecret',
    '..%u2216secret',
  ];
  const rules: readonly SourceRule[] = [
    { prefix: 'https://a.example.com/builds/' },
    { prefix: 'https://a.example.com/builds' },
    { pattern: '^https://a\\.example\\.com/builds/' },
  ];

  test.each(ambiguous)('%s is refused by every rule with a path', (path) => {
    for (const rule of rules) {
      const decision = decide([rule], `https://a.example.com/builds/${path}`);
      expect(decision, JSON.stringify(rule)).toMatchObject({ allowed: false });
      expect(decide([rule], `https://a.example.com/builds/x/${path}?q`, { hop: true }).allowed).toBe(false);
    }
  });

  test.each(ambiguous)('%s is allowed by a rule for the whole host', (path) => {
    expect(
      decide([{ prefix: 'https://a.example.com/' }], `https://a.example.com/builds/${path}`).allowed,
    ).toBe(true);
  });

  test.each([
    '...',
    '..a',
    'a..',
    '.hidden/x',
    '%2ehidden',
    'a%2fb',
    'a%252fb',
    '@scope%2fname/-/name-1.0.0.tgz',
    '100%25',
    '100%2525',
    '%zz',
    'a%20b.zip',
    'a%00b',
    'caf%C3%A9.zip',
    'caf%E9.zip',
    'VOIL%C0%20.pdf',
    '%E6%97%A5%E6%9C%AC.tar.gz',
    'Fate%EF%BC%8Fstay.zip',
    '%F0%9F%98%80.zip',
    '%u00e9.zip',
    'libstdc++6_1:12.2.0-14_amd64.deb',
    'x;v=1.2/..x',
    '~user/%7Etmp',
  ])('%s is unambiguous', (path) => {
    for (const rule of rules)
      expect(decide([rule], `https://a.example.com/builds/${path}`), JSON.stringify(rule)).toMatchObject({
        allowed: true,
      });
  });
});

describe('pattern rules', () => {
  const rule: SourceRule = { pattern: '^https://[a-z0-9-]+\\.example\\.com/builds/' };

  test.each(['https://a.example.com/builds/', 'https://x-1.example.com/builds/y?z'])('allow %s', (url) => {
    expect(decide([rule], url)).toMatchObject({ allowed: true });
  });

  test.each([
    'https://example.com/builds/',
    'https://a.b.example.com/builds/',
    'https://a.example.com.evil.test/builds/',
    'https://evil.test/a.example.com/builds/',
    'https://a.example.com:8443/builds/',
    'http://a.example.com/builds/',
    'https://u@a.example.com/builds/',
    'https://a.example.com/builds/..%2fsecret',
  ])('refuse %s', (url) => {
    expect(decide([rule], url)).toMatchObject({ allowed: false });
  });

  test('are tested on the normal form without a fragment', () => {
    const policy = createSourcePolicy({ requireTls: true, allow: [{ pattern: '^https://a\\.test/x$' }] });
    expect(policy.decide(new URL('https://a.test/x#y'))).toMatchObject({ allowed: true });
    expect(policy.decide(new URL('https://a.test/#/x'))).toMatchObject({ allowed: false });
  });

  test('that are invalid are refused when the policy is created', () => {
    expect(() => createSourcePolicy({ requireTls: true, allow: [{ pattern: 'https://a/' }] })).toThrow(
      TypeError,
    );
  });
});

describe('TLS', () => {
  const url = 'http://plain.test/x';
  test.each<[boolean, SourceRule['tls'], boolean]>([
    [true, undefined, false],
    [true, 'required', false],
    [true, 'optional', true],
    [false, undefined, true],
    [false, 'optional', true],
    [false, 'required', false],
  ])('requireTls %s and tls %s: http is allowed %s', (requireTls, tls, allowed) => {
    expect(decide([{ prefix: 'http://plain.test/', tls }], url, { requireTls }).allowed).toBe(allowed);
    expect(decide([{ prefix: 'http://plain.test/', tls }], url, { requireTls, hop: true }).allowed).toBe(
      allowed,
    );
  });
});

describe('signed queries', () => {
  const rule: SourceRule = { prefix: 'https://a.test/' };

  test.each([
    'X-Amz-Signature=s',
    'x-amz-security-token=s',
    'a=1&X-GOOG-SIGNATURE=s',
    'sig=s',
    'sv=1&SIG=s',
    'Signature=s&Expires=1&AWSAccessKeyId=s',
    'AWSAccessKeyId=s',
    'token=s',
    'Token=s',
    'access_token=s',
    'a=1;token=s',
    '%74oken=s',
    'token[]=s',
    'token',
  ])('%s is refused without quoting its value, but allowed for a redirect or by the rule', (query) => {
    const url = `https://a.test/x?${query}`;
    const refusal = decide([rule], url);
    expect(refusal).toMatchObject({ allowed: false });
    expect(JSON.stringify(refusal)).not.toContain('=s');
    expect(decide([rule], url, { hop: true }).allowed).toBe(true);
    expect(decide([{ ...rule, signedQuery: 'keep' }], url).allowed).toBe(true);
    expect(decide([{ ...rule, signedQuery: 'refuse' }], url).allowed).toBe(false);
  });

  test.each(['', 'x=token', 'versionId=1', 'tokens=2', 'design=3', 'amz=x'])(
    '%s is not a signed query',
    (query) => {
      expect(decide([rule], `https://a.test/sig/token?${query}`).allowed).toBe(true);
    },
  );
});

describe('several rules', () => {
  const wide: SourceRule = { pattern: '^https?://[a-z0-9.-]+/' };
  const narrow: SourceRule = { prefix: 'http://inside.test/', tls: 'optional', privateAddresses: true };

  test('allow a URL, or its private addresses, if any one of them does', () => {
    expect(decide([wide, narrow], 'http://inside.test/x')).toMatchObject({
      allowed: true,
      privateAddresses: true,
    });
    expect(decide([wide, narrow], 'https://inside.test/x')).toMatchObject({
      allowed: true,
      privateAddresses: false,
    });
    expect(decide([], 'https://inside.test/x').allowed).toBe(false);
  });

  test('take the options from the first that allows the URL', () => {
    const rules: SourceRule[] = [
      { prefix: 'https://a.test/', onRefusal: 'origin' },
      { prefix: 'https://a.test/', signedQuery: 'keep', ignoreVary: true },
    ];
    const options = (url: string): unknown => decide(rules, url);
    expect(options('https://a.test/x')).toMatchObject({
      options: { onRefusal: 'origin', ignoreVary: false },
    });
    expect(options('https://a.test/?sig=1')).toMatchObject({
      options: { onRefusal: 'pass', ignoreVary: true },
    });
  });

  test('ignore privateAddresses of a rule that matches but refuses', () => {
    const rules: SourceRule[] = [
      { prefix: 'https://a.test/', privateAddresses: true },
      { prefix: 'https://a.test/', signedQuery: 'keep' },
    ];
    expect(decide(rules, 'https://a.test/?sig=1')).toMatchObject({ allowed: true, privateAddresses: false });
  });
});

test('a refusal does not show the query, credentials or a private address', () => {
  for (const url of [
    'https://u:secret@a.test/?q=secret',
    'https://a.test/?q=secret',
    'http://10.1.2.3/?q=secret',
  ]) {
    const decision = decide([{ prefix: 'https://b.test/' }], url);
    expect(JSON.stringify(decision)).not.toMatch(/secret|10\.1\.2\.3/);
  }
});

test('other schemes are refused for redirect targets too', () => {
  const policy = createSourcePolicy({ requireTls: false, allow: [{ prefix: 'https://a.test/' }] });
  expect(policy.decide(new URL('gopher://a.test/'), { hop: true }).allowed).toBe(false);
});

describe('the mirror itself', () => {
  const policy = createSourcePolicy({
    requireTls: false,
    allow: [{ pattern: '^https?://[a-z0-9.-]+(?::[0-9]+)?/' }],
    ownAddresses: [new URL('https://mirror.example/base'), new URL('http://127.0.0.1:8080')],
  });

  test.each([
    'https://mirror.example/v1/redirect/s3/us-east-1/aHR0cHM6Ly9hLmV4YW1wbGUv',
    'http://mirror.example/v1/purge/s3/us-east-1/aHR0cHM6Ly9hLmV4YW1wbGUv',
    'https://mirror.example:80/',
    'http://127.0.0.1:8080/metrics',
  ])('is not allowed as a source or redirect target: %s', (url) => {
    for (const hop of [false, true]) expect(policy.decide(new URL(url), { hop }).allowed).toBe(false);
  });

  test.each(['https://mirror.example:8443/', 'https://a.mirror.example/', 'http://127.0.0.1:8081/'])(
    'does not include another server: %s',
    (url) => {
      expect(policy.decide(new URL(url)).allowed).toBe(true);
    },
  );
});

describe('what counts of the query', () => {
  const PLAIN = 'https://a.test/f';
  const NAMES = ['v', 'arch', 'file name'];

  test.each<[query: SourceRule['query'], url: string, identity: string]>([
    [undefined, '?v=1&w=2', '?v=1&w=2'],
    ['keep', '?v=1&w=2', '?v=1&w=2'],
    ['keep', '?', '?'],
    ['refuse', '', ''],
    ['refuse', '#?v=1', ''],
    ['ignore', '', ''],
    ['ignore', '?', ''],
    ['ignore', '?v=1&w=2', ''],
    ['ignore', '?v=1?w=2', ''],
    ['ignore', '?token=secret', ''],
    [NAMES, '', ''],
    [NAMES, '?v=1', '?v=1'],
    [NAMES, '?arch=x&v=1', '?arch=x&v=1'],
    [NAMES, '?v=1&v=2&v=1', '?v=1&v=2&v=1'],
    [NAMES, '?%76=1', '?%76=1'],
    [NAMES, '?file%20name=1', '?file%20name=1'],
    [NAMES, '?file+name=1', '?file+name=1'],
    [NAMES, '?v=a?b/c%26w=1', '?v=a?b/c%26w=1'],
    [NAMES, '?v', '?v'],
    [NAMES, '?v=1;arch=x', '?v=1;arch=x'],
  ])('query: %j makes of %s the object %s', (query, url, identity) => {
    const decision = decide([{ prefix: 'https://a.test/', query }], PLAIN + url);
    expect(decision).toMatchObject({ allowed: true, url: new URL(PLAIN + identity) });
  });

  test.each<[query: SourceRule['query'], url: string, named: string]>([
    ['refuse', '?v=1', 'no query'],
    ['refuse', '?', 'no query'],
    ['refuse', '?token=s3cret', 'no query'],
    [NAMES, '?w=s3cret', 'the parameter w in'],
    [NAMES, '?v=1&w=s3cret', 'the parameter w in'],
    [NAMES, '?w=s3cret&v=1', 'the parameter w in'],
    [NAMES, '?v=1;w=s3cret', 'the parameter w in'],
    [NAMES, '?%77=s3cret', 'the parameter w in'],
    [NAMES, '?V=s3cret', 'the parameter V in'],
    [NAMES, '?v[]=s3cret', 'the parameter v[] in'],
    [NAMES, '?v%00=s3cret', 'unusual name'],
    [NAMES, '?%3Cs3cret%3E', 'unusual name'],
    [NAMES, '?a1B2c3D4e5F6g7H8i9J0', 'unusual name'],
    [NAMES, '?', 'an empty parameter'],
    [NAMES, '?v=1&', 'an empty parameter'],
    [NAMES, '?&&v=1', 'an empty parameter'],
    [NAMES, '?=s3cret', 'an empty parameter'],
  ])('query: %j refuses %s and names %s', (query, url, named) => {
    const decision = decide([{ prefix: 'https://a.test/', query }], PLAIN + url);
    expect(decision).toMatchObject({ allowed: false, reason: expect.stringContaining(named) as string });
    expect(decision).not.toMatchObject({ reason: expect.stringMatching(/s3cret|a1B2/) as string });
  });

  test.each<SourceRule['query']>(['refuse', 'ignore', NAMES])(
    'query: %j leaves redirect targets alone',
    (query) => {
      const url = new URL('https://a.test/f?w=1&X-Amz-Signature=x');
      expect(decide([{ prefix: 'https://a.test/', query }], url.href, { hop: true })).toMatchObject({
        allowed: true,
        url,
      });
    },
  );

  test('a named parameter that looks like a signature is refused unless the rule keeps these', () => {
    const rule: SourceRule = { prefix: 'https://a.test/', query: ['key'] };
    expect(decide([rule], 'https://a.test/f?key=x').allowed).toBe(false);
    expect(decide([{ ...rule, signedQuery: 'keep' }], 'https://a.test/f?key=x').allowed).toBe(true);
    expect(decide([{ ...rule, signedQuery: 'keep' }], 'https://a.test/f?sig=x').allowed).toBe(false);
  });

  test('a pattern sees the URL without the query that it ignores', () => {
    const pattern = '^https://a\\.test/[a-z]+\\.zip$';
    expect(decide([{ pattern }], 'https://a.test/f.zip?v=1').allowed).toBe(false);
    expect(decide([{ pattern, query: 'ignore' }], 'https://a.test/f.zip?v=1')).toMatchObject({
      url: new URL('https://a.test/f.zip'),
    });
    expect(decide([{ pattern, query: 'ignore' }], 'https://a.test/f.exe?v=x.zip').allowed).toBe(false);
  });

  test('the first rule that allows a URL decides, and that of the plain URL gives its options', () => {
    const rules: SourceRule[] = [
      { prefix: 'https://a.test/', query: 'refuse', ignoreVary: true },
      { prefix: 'https://a.test/b/', query: ['v'] },
      { prefix: 'https://a.test/', query: 'ignore', keepCacheControl: true },
    ];
    const plain = {
      url: new URL('https://a.test/b/f'),
      options: { ignoreVary: true, keepCacheControl: false },
    };
    expect(decide(rules, 'https://a.test/b/f')).toMatchObject(plain);
    expect(decide(rules, 'https://a.test/b/f?w=1')).toMatchObject(plain);
    expect(decide(rules, 'https://a.test/b/f?v=1')).toMatchObject({ url: new URL('https://a.test/b/f?v=1') });
  });

  test('a URL that no rule allows is its own identity', () => {
    const allow: SourceRule[] = [
      { prefix: 'https://a.test/', query: 'ignore' },
      { prefix: 'https://b.test/', query: 'refuse' },
    ];
    const policy = createSourcePolicy({ requireTls: true, allow });
    const identify = (url: string) => policy.identify(new URL(url)).href;
    expect(identify('https://a.test/f?v=1')).toBe('https://a.test/f');
    expect(identify('https://b.test/f?v=1')).toBe('https://b.test/f?v=1');
    expect(identify('https://c.test/f?v=1')).toBe('https://c.test/f?v=1');
  });
});
