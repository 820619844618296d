import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { markerKey, MARKER_PREFIX, objectKey, urlSha256, urlSha256OfKey } from '../src/object-key.ts';

const LIMIT = 1024;
const DOTTED = '/a?redirect=/../secret';

/** Dot segments, slashes and strings like our own prefixes survive the normal form only in a query. */
const query = fc
  .array(
    fc.constantFrom('/', '..', '.', '%2e', '%2E%2e', '\\', 'g', 'sha256', 'purged', 'x', '?', '&', 'a=', 'é'),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''));
const url = fc
  .record({
    scheme: fc.constantFrom('http', 'https'),
    host: fc.constantFrom('a.example', 'g', 'sha256'),
    path: fc.webPath(),
    query,
    filler: fc.constantFrom(0, 0, 0, 900, 1000, 2000),
  })
  .map(
    (parts) =>
      new URL(
        `${parts.scheme}://${parts.host}${parts.path || '/'}?${'f'.repeat(parts.filler)}${parts.query}`.replaceAll(
          '#',
          '',
        ),
      ).href,
  );
const generation = fc.oneof(
  fc.constant(''),
  fc.constantFrom('g', 'sha256', '-', '_', 'A'),
  fc.stringMatching(/^[0-9A-Za-z_-]{22}$/),
);

describe('the key of a copy', () => {
  test('is the URL itself for the empty generation, as in buckets of earlier deployments', () => {
    expect(objectKey('https://a.example/x?y=1', '', LIMIT)).toBe('https://a.example/x?y=1');
  });

  test('contains the generation of an object that was purged', () => {
    expect(objectKey('https://a.example/x', 'n0nce', LIMIT)).toBe('g/n0nce/https://a.example/x');
  });

  test.each(['', 'n0nce'])('is hashed if it has dot segments, generation %j', (g) => {
    expect(objectKey(`https://a.example${DOTTED}`, g, LIMIT)).toBe(
      `sha256/${g}/${urlSha256(`https://a.example${DOTTED}`)}`,
    );
  });

  test.each(['?/..', '?/.', '?/%2e%2E/x', '?x/./y', '?\\..\\', '?/..?', '?/../'])(
    'treats %s as a dot segment',
    (tail) => {
      expect(objectKey(`https://a.example/${tail}`, '', LIMIT)).toMatch(/^sha256\//);
    },
  );

  test.each(['?a..b', '?/...', '?/..x/', '/.well-known/x', '/a..'])(
    'does not treat %s as a dot segment',
    (tail) => {
      expect(objectKey(`https://a.example${tail}`, '', LIMIT)).toBe(`https://a.example${tail}`);
    },
  );

  test('is hashed once its UTF-8 is longer than the limit', () => {
    const fits = `https://a.example/${'x'.repeat(LIMIT - 18)}`;
    expect(objectKey(fits, '', LIMIT)).toBe(fits);
    expect(objectKey(`${fits}x`, '', LIMIT)).toMatch(/^sha256\/\//);
    expect(objectKey(fits, 'g', LIMIT)).toMatch(/^sha256\/g\//);
    expect(objectKey(`${fits.slice(0, -1)}é`, '', LIMIT)).toMatch(/^sha256\/\//);
  });

  test('differs for different URLs and generations', () => {
    fc.assert(
      fc.property(fc.tuple(url, generation), fc.tuple(url, generation), ([url1, g1], [url2, g2]) => {
        const same = objectKey(url1, g1, LIMIT) === objectKey(url2, g2, LIMIT);
        expect(same).toBe(url1 === url2 && g1 === g2);
      }),
      { numRuns: 2000 },
    );
  });

  test('differs for different generations of one URL, in every form', () => {
    fc.assert(
      fc.property(url, generation, generation, (one, g1, g2) => {
        expect(objectKey(one, g1, LIMIT) === objectKey(one, g2, LIMIT)).toBe(g1 === g2);
      }),
      { numRuns: 1000 },
    );
  });

  test('is not a marker’s key and is within the limit of the store', () => {
    fc.assert(
      fc.property(url, generation, (one, g) => {
        const key = objectKey(one, g, LIMIT);
        expect(key.startsWith(MARKER_PREFIX)).toBe(false);
        expect(Buffer.byteLength(key)).toBeLessThanOrEqual(LIMIT);
      }),
    );
  });

  test('gives addresses that clients do not rewrite', () => {
    fc.assert(
      fc.property(url, generation, (one, g) => {
        const key = objectKey(one, g, LIMIT);
        const path = `/bucket/${key.split('/').map(encodeURIComponent).join('/')}`;
        expect(new URL(`https://store.example${path}`).pathname).toBe(path);
      }),
      { numRuns: 1000 },
    );
  });

  test('leads back to the SHA-256 of its URL', () => {
    fc.assert(
      fc.property(url, generation, (one, g) => {
        expect(urlSha256OfKey(objectKey(one, g, LIMIT))).toBe(urlSha256(one));
      }),
      { numRuns: 1000 },
    );
    expect(urlSha256OfKey(markerKey(urlSha256('https://a.example/')))).toBeNull();
    expect(urlSha256OfKey('some/other/object')).toBeNull();
  });

  test.each(['a/b', 'a b', '..', 'é', 'a\n'])('refuses the generation %j', (g) => {
    expect(() => objectKey('https://a.example/', g, LIMIT)).toThrow(TypeError);
  });
});

describe('a hashed key', () => {
  test.each([
    ['', 'sha256/0/'],
    ['n0nce', 'sha256/n0nce/'],
  ])('of generation %j begins with %s and ends in the SHA-256 of the URL', (g, start) => {
    const plain = 'https://a.example//x?y=1';
    expect(objectKey(plain, g, LIMIT, 'hashed')).toBe(`${start}${urlSha256(plain)}`);
  });

  test('has no empty or dot segment, leads back to its URL, and differs for different URLs and generations', () => {
    const pair = fc.tuple(url, generation);
    fc.assert(
      fc.property(pair, pair, ([url1, g1], [url2, g2]) => {
        const key = objectKey(url1, g1, LIMIT, 'hashed');
        expect(key).toMatch(/^sha256\/[0-9A-Za-z_-]+\/[0-9a-f]{64}$/);
        expect(urlSha256OfKey(key)).toBe(urlSha256(url1));
        expect(key === objectKey(url2, g2, LIMIT, 'hashed')).toBe(url1 === url2 && g1 === g2);
      }),
      { numRuns: 1000 },
    );
  });

  test('is refused for the generation 0, which represents the empty one', () => {
    expect(() => objectKey('https://a.example/', '0', LIMIT, 'hashed')).toThrow(TypeError);
  });
});
