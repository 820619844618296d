import { OriginUrlError } from '@cloud-mirror/origin';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeOriginUrlParameter, ParameterError } from '../src/redirect/origin-url-parameter.ts';

const MAX = 3000;
const decode = (parameter: string, max = MAX) => decodeOriginUrlParameter(parameter, max).href;
const base64 = (text: string) => Buffer.from(text).toString('base64');
const base64url = (text: string) => Buffer.from(text).toString('base64url');

/** Encodes like Python's `encode('base64')`: with a line break after every 76 characters, and at the end. */
const pythonBase64 = (text: string) => base64(text).replace(/.{1,76}/g, '$&\n');

function faultOf(parameter: string, max = MAX): string {
  try {
    return decode(parameter, max);
  } catch (error) {
    if (error instanceof ParameterError || error instanceof OriginUrlError) return error.code;
    throw error;
  }
}

// Its base64 has both + and /, two of them in a row, and padding.
const HARD = 'https://a.example/>>>???>??>?~~~ü?q=???';

const SPELLINGS: Record<string, (url: string) => string> = {
  'base64url without padding': base64url,
  'base64url with raw padding': (url) => base64(url).replaceAll('+', '-').replaceAll('/', '_'),
  'base64url with encoded padding': (url) =>
    encodeURIComponent(base64(url).replaceAll('+', '-').replaceAll('/', '_')),
  'standard alphabet, percent-encoded': (url) => encodeURIComponent(base64(url)),
  'standard alphabet, percent-encoded in lower case': (url) =>
    encodeURIComponent(base64(url)).replace(/%../g, (octet) => octet.toLowerCase()),
  'standard alphabet, raw': base64,
  'standard alphabet, raw, without padding': (url) => base64(url).replace(/=+$/, ''),
  'line breaks of Python': (url) => encodeURIComponent(pythonBase64(url)),
  'line breaks of Python, raw slashes': (url) => pythonBase64(url).replaceAll('\n', '%0A'),
  'the URL itself, percent-encoded': encodeURIComponent,
};

describe.each(Object.entries(SPELLINGS))('%s', (_name, spell) => {
  const urls = [
    HARD,
    'https://a.example/',
    `https://a.example/${'long/'.repeat(60)}x`,
    'http://a.example:8080/x?a=b%2Fc',
  ];
  test.each(urls)('decodes to %s', (url) => {
    expect(decode(spell(url))).toBe(new URL(url).href);
  });

  test.each(urls)('followed by a file name decodes to %s', (url) => {
    expect(decode(`${spell(url)}/app-1.0.tar.gz`)).toBe(new URL(url).href);
  });
});

test('all spellings of a URL decode to the same URL', () => {
  const hosts = fc.webUrl({ withQueryParameters: true, validSchemes: ['http', 'https'] });
  fc.assert(
    fc.property(hosts, fc.string({ unit: 'grapheme' }), (start, path) => {
      const url = start + encodeURIComponent(path.toWellFormed());
      fc.pre(url.length < 2000);
      const identities = Object.values(SPELLINGS).map((spell) => faultOf(spell(url)));
      expect(new Set(identities).size).toBe(1);
    }),
  );
});

test('any path decodes to a URL or is refused with a code', () => {
  const anything = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64url')),
    fc.stringMatching(/^[A-Za-z0-9+/=_%.:-]*$/),
  );
  fc.assert(
    fc.property(anything, (parameter) => {
      expect(faultOf(parameter)).toMatch(/^(?:https?:\/\/|[a-z_]+$)/);
    }),
  );
});

test('an accepted parameter is a spelling of the URL that it decodes to', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^aHR0cHM6Ly9h[A-Za-z0-9_-]{0,12}$/), (parameter) => {
      let href: string;
      try {
        href = decode(parameter);
      } catch {
        return;
      }
      expect(new URL(Buffer.from(parameter, 'base64url').toString()).href).toBe(href);
      expect(Buffer.from(parameter, 'base64url').toString('base64url')).toBe(parameter);
    }),
  );
});

test.each([
  ['', 'url_missing'],
  ['/', 'url_not_decodable'],
  ['https://a.example/x', 'url_not_encoded'],
  ['https:/a.example/x', 'url_not_encoded'],
  ['HTTPS://a.example/x.txt', 'url_not_encoded'],
  ['http:', 'url_not_encoded'],
  ['https%3A//a.example/x.tar.gz', 'url_not_encoded'],
  ['https%3a/a.example/x.tar.gz', 'url_not_encoded'],
  ['https%3A%2F%2Fa.example/dir/file.txt', 'url_not_encoded'],
  ['%', 'url_not_decodable'],
  ['%zz', 'url_not_decodable'],
  ['%ff', 'url_not_decodable'],
  ['https%3A%2F%2Fa.example%2F%ff', 'url_not_decodable'],
  [encodeURIComponent(encodeURIComponent('https://a.example/')), 'url_not_decodable'],
  ['not base64 at all', 'url_not_decodable'],
  ['****', 'url_not_decodable'],
  ['====', 'url_not_decodable'],
  ['Y', 'url_not_decodable'],
  [base64url('ftp://a.example/x'), 'url_scheme'],
  [base64url('javascript:alert(1)'), 'url_scheme'],
  [encodeURIComponent('file:///etc/passwd'), 'url_scheme'],
  [base64url('no url'), 'url_not_decodable'],
  [base64url('//a.example/x'), 'url_not_decodable'],
  [base64url('https://a.example/a b'), 'url_not_decodable'],
  [base64url(' https://a.example/'), 'url_not_decodable'],
  [base64url('https://a.example/\n'), 'url_not_decodable'],
  [base64url('https://a.example\\x'), 'url_not_decodable'],
  [base64url('\uFEFFhttps://a.example/'), 'url_not_decodable'],
  [base64url('https://a.example/\0'), 'url_not_decodable'],
  [encodeURIComponent('https://a.example/a b'), 'url_not_decodable'],
  [Buffer.from('https://a.example/\xff', 'latin1').toString('base64url'), 'url_not_decodable'],
])('%j is refused: %s', (parameter, fault) => {
  expect(faultOf(parameter)).toBe(fault);
});

describe('base64 is strict', () => {
  const text = base64('https://a.example/');

  test('unused bits must be zero', () => {
    const canonical = base64url('https://a.example/x');
    const last = canonical.at(-1) ?? '';
    const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const next = digits[digits.indexOf(last) + 1] ?? '';
    expect(decode(canonical)).toBe('https://a.example/x');
    expect(faultOf(canonical.slice(0, -1) + next)).toBe('url_not_decodable');
  });

  test('the two alphabets must not be mixed', () => {
    const mixed = base64url(HARD).replace('_', '%2F');
    expect(mixed).toMatch(/[-_]/);
    expect(faultOf(mixed)).toBe('url_not_decodable');
  });

  test.each([
    ['too much padding', `${base64('https://a.example/x')}=`],
    ['half of the padding', base64('https://a.example/x').replace(/==$/, '=')],
    ['padding where none belongs', `${text}==`],
    ['padding inside', `aHR0=${text}`],
    ['a line break in the middle of a line', `${text.slice(0, 8)}%0A${text.slice(8)}`],
    ['two line breaks at the end', `${text}%0A%0A`],
    ['a line break at the start', `%0A${text}`],
    ['a carriage return', `${text}%0D%0A`],
    ['a space', `${text}%20`],
    ['a NUL', `${text}%00`],
    ['something after it', `${text}!`],
  ])('%s is refused', (_name, parameter) => {
    expect(faultOf(parameter)).toBe('url_not_decodable');
  });
});

describe('the file name', () => {
  const standard = 'https://a.example/???'; // Ends in a digit that is a slash.

  test('a last segment without a dot is never ignored', () => {
    expect(base64(standard)).toMatch(/\/$/);
    expect(decode(base64(standard))).toBe(standard);
    expect(faultOf(`${base64url('https://a.example/x')}/app`)).not.toBe('https://a.example/x');
  });

  test('is removed before the other segments are joined', () => {
    expect(decode(`${base64(standard)}/x.whl`)).toBe(standard);
  });

  test('may contain text that cannot be decoded', () => {
    expect(decode(`${base64url('https://a.example/x')}/100%.txt`)).toBe('https://a.example/x');
  });

  test.each(['app%2Ewhl', 'app%2ewhl'])('may have its dot encoded: %s', (name) => {
    expect(decode(`${base64url('https://a.example/x')}/${name}`)).toBe('https://a.example/x');
  });

  test('is ignored only once', () => {
    expect(faultOf(`${base64url('https://a.example/x')}/a.b/c.d`)).toBe('url_not_decodable');
  });

  test('is not removed from a single segment', () => {
    expect(decode('https%3A%2F%2Fa.example%2Fapp.tar.gz')).toBe('https://a.example/app.tar.gz');
    expect(faultOf('app.tar.gz')).toBe('url_not_decodable');
  });
});

describe('the length', () => {
  const url = (length: number) => 'https://a.example/'.padEnd(length, 'x');

  test.each(Object.entries(SPELLINGS))('counts the bytes of the URL: %s', (_name, spell) => {
    expect(decode(spell(url(MAX)))).toBe(url(MAX));
    expect(faultOf(spell(url(MAX + 1)))).toBe('url_too_long');
  });

  test('is checked before very long parameters are decoded', () => {
    expect(faultOf('%'.repeat(60_000))).toBe('url_too_long');
  });

  test('counts the normal form, which Location would contain', () => {
    expect(faultOf(base64url(`https://a.example/${'ü'.repeat(600)}`))).toBe('url_too_long');
  });
});

test('the identity is the normal form', () => {
  expect(decode(base64url('HTTPS://A.Example:443/a/../b?q#fragment'))).toBe('https://a.example/b?q');
});
