import fc from 'fast-check';
import { expect, test } from 'vitest';
import { objectKey } from '@cloud-mirror/mirrored-objects';
import { OriginUrlError } from '@cloud-mirror/origin';
import { decodeOriginUrlParameter, ParameterError } from '@cloud-mirror/frontend';

/*
 * From the path of a request to the key in the store: all spellings of a URL are one object, and no two objects share a
 * key.
 */

const MAX_URL_BYTES = 3000;
const MAX_KEY_BYTES = 1024;

/** Every spelling that clients use: base64 in both alphabets, padded, with line breaks, and the URL itself. */
const SPELLINGS: readonly ((url: string) => string)[] = [
  (url) => Buffer.from(url).toString('base64url'),
  (url) => encodeURIComponent(Buffer.from(url).toString('base64')),
  (url) => Buffer.from(url).toString('base64'),
  (url) => `${Buffer.from(url).toString('base64url')}/artifact.tar.gz`,
  (url) => encodeURIComponent(lines(Buffer.from(url).toString('base64'))),
  (url) => encodeURIComponent(url),
];

/** Base64 as Python 2 writes it: lines of 76 characters, each with a line break. */
function lines(base64: string): string {
  return base64.replace(/.{1,76}/g, '$&\n');
}

const url = fc
  .tuple(
    fc.webUrl({ withQueryParameters: true, validSchemes: ['http', 'https'] }),
    fc.array(
      fc.constantFrom('/..', '/.', '%2e', '%2F', '?', '&', 'é', '日', '🚀', ';', '=', 'x'.repeat(500)),
      { maxLength: 6 },
    ),
  )
  .map(([start, rest]) => start + rest.join(''));

function keyOf(parameter: string, generation: string): string | null {
  try {
    return objectKey(decodeOriginUrlParameter(parameter, MAX_URL_BYTES).href, generation, MAX_KEY_BYTES);
  } catch (error) {
    if (error instanceof ParameterError || error instanceof OriginUrlError) return null;
    throw error;
  }
}

test('all spellings of one URL have one key', () => {
  fc.assert(
    fc.property(url, fc.constantFrom('', 'n0nce'), (one, generation) => {
      const keys = new Set(SPELLINGS.map((spell) => keyOf(spell(one), generation)));
      expect([...keys]).toHaveLength(1);
    }),
    { numRuns: 2000 },
  );
});

test('two URLs have two keys, whatever their generations', () => {
  const generation = fc.constantFrom('', 'a', 'b');
  fc.assert(
    fc.property(url, url, generation, generation, (one, other, g1, g2) => {
      const [first, second] = [keyOf(encodeURIComponent(one), g1), keyOf(encodeURIComponent(other), g2)];
      if (first === null || second === null) return;
      const same = new URL(one).href === new URL(other).href && g1 === g2;
      expect(first === second).toBe(same);
    }),
    { numRuns: 3000 },
  );
});

test('a parameter with one changed character is another URL, or invalid', () => {
  fc.assert(
    fc.property(url, fc.nat(), fc.constantFrom(...'ABab01-_+/=%.~!$'), (one, at, character) => {
      const parameter = Buffer.from(one).toString('base64url');
      const place = at % parameter.length;
      const changed = parameter.slice(0, place) + character + parameter.slice(place + 1);
      fc.pre(changed !== parameter);
      const [before, after] = [keyOf(parameter, ''), keyOf(changed, '')];
      if (before === null || after === null || before !== after) return;
      // The digit is the same in the other alphabet, or the URL parser itself takes both for one: letters of the host, say.
      expect(new URL(Buffer.from(changed, 'base64url').toString()).href).toBe(new URL(one).href);
    }),
    { numRuns: 3000 },
  );
});
