import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isAddressAllowed, isGlobalUnicast } from '../src/address-guard.ts';
import { normalizeOriginUrl, OriginUrlError, resolveLocation } from '../src/normal-form.ts';
import { checkPattern, compilePattern } from '../src/source-pattern.ts';
import { createSourcePolicy } from '../src/source-policy.ts';

/** Texts made of pieces that URL parsers interpret differently, and of arbitrary characters. */
const pieces = fc
  .array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.constantFrom('http', 'https', '://', ':', '/', '//', '\\', '@', '?', '#', '.', '..'),
      },
      {
        weight: 4,
        arbitrary: fc.constantFrom('a.test', 'allowed.test', 'builds', 'evil.test', 'x', '[::1]', '127.1'),
      },
      {
        weight: 2,
        arbitrary: fc.constantFrom('%2e', '%2E', '%2f', '%5c', '%252e', '%00', ';', ':443', ':80', 'xn--'),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          '０',
          '。',
          '／',
          '＠',
          '\u00ad',
          '\u200b',
          '\t',
          '\n',
          ' ',
          '\0',
          '\ud800',
        ),
      },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 3 }) },
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));
const likelyUrl = fc.oneof(
  pieces,
  pieces.map((suffix) => `https://allowed.test/builds/${suffix}`),
  pieces.map((suffix) => `https://allowed.test${suffix}`),
  pieces.map((suffix) => `https://${suffix}`),
  fc.webUrl({ withQueryParameters: true, withFragments: true }),
);

function normalOrNull(text: string): URL | null {
  try {
    return normalizeOriginUrl(text);
  } catch (error) {
    if (error instanceof OriginUrlError) return null;
    throw error;
  }
}

describe('the normal form', () => {
  test('either fails with an OriginUrlError or is idempotent', () => {
    fc.assert(
      fc.property(likelyUrl, (text) => {
        const url = normalOrNull(text);
        if (url === null) return;
        expect(url.href).toMatch(/^https?:\/\/[\x21-\x7e]+$/);
        expect(url.href).not.toContain('#');
        expect(url.hostname).not.toMatch(/\.$/);
        expect(normalizeOriginUrl(url.href).href).toBe(url.href);
      }),
      { numRuns: 5000 },
    );
  });

  test('of a redirect target is a URL or fails with an OriginUrlError', () => {
    const base = new URL('https://allowed.test/a/b?c');
    fc.assert(
      fc.property(fc.oneof(likelyUrl, fc.string({ unit: 'binary' })), (text) => {
        // As in a header: one character for each byte.
        const location = Buffer.from(text).toString('latin1');
        try {
          expect(resolveLocation(location, base).href).toMatch(/^[\x20-\x7e]+$/);
        } catch (error) {
          expect(error).toBeInstanceOf(OriginUrlError);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('the source policy', () => {
  const folder = createSourcePolicy({
    requireTls: true,
    allow: [{ prefix: 'https://allowed.test/builds/' }],
  });

  /** The path as seen by a lax server, which decodes repeatedly and treats a backslash as a slash. */
  function laxPath(path: string): string {
    let text = path;
    for (let round = 0; round < 5; round += 1)
      text = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
        String.fromCharCode(Number.parseInt(hex, 16)),
      );
    const segments: string[] = [];
    for (const segment of text.split(/[/\\]/).map((raw) => raw.replace(/;.*$/, '')))
      if (segment === '..') segments.pop();
      else if (segment !== '.' && segment !== '') segments.push(segment);
    return `/${segments.join('/')}`;
  }

  test('allows only URLs that are below its folder even for the laxest server', () => {
    let allowed = 0;
    fc.assert(
      fc.property(likelyUrl, fc.boolean(), (text, hop) => {
        const url = normalOrNull(text);
        if (url === null || !folder.decide(url, { hop }).allowed) return;
        allowed += 1;
        expect(url.href).toMatch(/^https:\/\/allowed\.test\/builds\//);
        expect(`${laxPath(url.pathname)}/`).toMatch(/^\/builds\//);
      }),
      { numRuns: 10_000 },
    );
    expect(allowed).toBeGreaterThan(100);
  });

  test('decides alike for a URL and its normal form', () => {
    const any = createSourcePolicy({
      requireTls: false,
      allow: [{ pattern: '^https?://[a-z0-9.-]+(?::[0-9]+)?/' }],
    });
    fc.assert(
      fc.property(likelyUrl, (text) => {
        const url = normalOrNull(text);
        if (url === null) return;
        for (const policy of [folder, any])
          expect(policy.decide(url)).toEqual(policy.decide(new URL(url.href)));
      }),
      { numRuns: 3000 },
    );
  });

  test('never shows a query or credentials in its reasons', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('https://u:S3cr3t@allowed.test/', 'https://evil.test/x?k=S3cr3t&sig=S3cr3t'),
        (text) => {
          expect(JSON.stringify(folder.decide(normalizeOriginUrl(text)))).not.toContain('S3cr3t');
        },
      ),
    );
  });

  /** Patterns generated from the grammar, ambiguous and unambiguous ones. */
  const atom = fc.constantFrom('a', 'b', 'x', '/', '\\.', '[ab]', '[^/]', '.', '\\w', '\\d', '-');
  const quantifier = fc.constantFrom('', '', '', '*', '+', '?', '{2,}', '{1,3}', '*?', '+?');
  const { pattern } = fc.letrec<{ pattern: string; part: string }>((tie) => ({
    pattern: fc.array(tie('part'), { maxLength: 5 }).map((parts) => parts.join('')),
    part: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.tuple(atom, quantifier).map((both) => both.join('')),
      fc.tuple(tie('pattern'), quantifier).map(([inner, often]) => `(?:${inner})${often}`),
      fc
        .tuple(tie('pattern'), tie('pattern'), quantifier)
        .map(([one, other, often]) => `(${one}|${other})${often}`),
    ),
  }));

  test('accepts only patterns that fix their host', () => {
    let accepted = 0;
    fc.assert(
      fc.property(pattern, pattern, (host, path) => {
        const text = `^https://${host}allowed\\.test/${path}`;
        if (checkPattern(text) !== null) return;
        accepted += 1;
        const policy = createSourcePolicy({ requireTls: true, allow: [{ pattern: text }] });
        for (const evil of [
          'evil.test',
          'allowed.test.evil.test',
          'evil.test/a.allowed.test',
          'a.allowed.test:22',
        ])
          expect(policy.decide(new URL(`https://${evil}/allowed.test/`)).allowed).toBe(false);
        expect(policy.decide(new URL('https://evil.test/?https://a.allowed.test/')).allowed).toBe(false);
      }),
      { numRuns: 3000 },
    );
    expect(accepted).toBeGreaterThan(50);
  });

  test('matches like JavaScript’s own engine', () => {
    const pathCharacters = fc.array(fc.constantFrom('a', 'b', 'x', '/', '.', '1', '-', '?'), {
      maxLength: 12,
    });
    const outcomes = new Set<boolean>();
    fc.assert(
      fc.property(pattern, fc.constantFrom('', '$'), pathCharacters, (path, end, characters) => {
        const text = `^https://a\\.test/${path}${end}`;
        if (checkPattern(text) !== null) return;
        const url = `https://a.test/${characters.join('')}`;
        const expected = new RegExp(text).test(url);
        outcomes.add(expected);
        expect(compilePattern(text).test(url)).toBe(expected);
      }),
      { numRuns: 1000 },
    );
    expect(outcomes.size).toBe(2);
  });

  test('accepts no pattern that takes exponential time for a long URL', () => {
    const texts = ['a', 'b', 'ab', 'aab', 'a/', 'a.', '1', '-', 'ab/x.'].flatMap((unit) => {
      const long = unit.repeat(Math.ceil(600 / unit.length));
      return [long, `${long}!`];
    });
    fc.assert(
      fc.property(pattern, fc.constantFrom('', '$'), (path, end) => {
        const text = `^https://a\\.test/${path}${end}`;
        if (checkPattern(text) !== null) return;
        // Exponential time would exceed the test's time limit.
        for (const long of texts) new RegExp(text).test(`https://a.test/${long}`);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the address guard', () => {
  const ipv4 = fc.tuple(...Array.from({ length: 4 }, () => fc.nat(255))).map((octets) => octets.join('.'));
  const hex = (address: string) => {
    const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
    return [((a << 8) | b).toString(16), ((c << 8) | d).toString(16)] as const;
  };

  test('refuses every IPv6 address that embeds an IPv4 address', () => {
    fc.assert(
      fc.property(ipv4, (address) => {
        const [high, low] = hex(address);
        for (const carrier of [
          `::${address}`,
          `::ffff:${address}`,
          `::ffff:0:${address}`,
          `64:ff9b::${address}`,
          `64:ff9b:1::${address}`,
          `2002:${high}:${low}::1`,
          `2001:0:${high}:${low}::1`,
          `2a00:1450::5efe:${address}`,
          `2a00:1450::200:5efe:${address}`,
        ])
          for (const privateAddresses of [false, true])
            expect(isAddressAllowed(carrier, privateAddresses)).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  test('accepts any text, and allows only IP addresses', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.ipV6(),
          ipv4,
          fc.ipV6().map((one) => `${one}%eth0`),
        ),
        (text) => {
          const allowed = isAddressAllowed(text, true);
          expect(allowed || !isGlobalUnicast(text)).toBe(true);
          if (allowed) expect(text).toMatch(/^[0-9a-f.:]+$/i);
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('allows private addresses and no others with privateAddresses', () => {
    fc.assert(
      fc.property(ipv4, (address) => {
        const opened = isAddressAllowed(address, true) && !isAddressAllowed(address, false);
        const isPrivate =
          /^(?:10|127)\.|^192\.168\.|^172\.(?:1[6-9]|2\d|3[01])\.|^100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./;
        expect(opened).toBe(isPrivate.test(address) && address !== '100.100.100.200');
      }),
      { numRuns: 5000 },
    );
  });
});
