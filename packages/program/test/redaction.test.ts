import { describe, expect, test } from 'vitest';
import { createLogger, secretsOf, SecretValues } from '../src/index.ts';

const SIGNATURE = 'bWFkZSB1cCE/a+b/c=d~e';
/** A query as the normal form of a URL has it. */
const QUERY = `v=1&sig=${encodeURIComponent(SIGNATURE)}&pin=4711`;
const URL_TEXT = `https://artifacts.example.com/a/b?${QUERY}`;
const SECRETS = [SIGNATURE, encodeURIComponent(SIGNATURE), SIGNATURE.slice(0, 12)];

function capture() {
  const written: string[] = [];
  const destination = { write: (line: string) => void written.push(line) };
  const logger = createLogger({ level: 'info', program: 'p', version: '1', destination });
  return { written, logger, secrets: secretsOf(logger) };
}

const json = (text: string) => JSON.stringify(text).slice(1, -1);
const html = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('=', '&#61;').replaceAll('/', '&#x2F;').replaceAll('?', '&#x3f;');
const everyByte = (text: string) =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
const unicode = (text: string) =>
  [...text].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
const hex = (text: string) =>
  text.replaceAll(/[^a-z0-9]/gi, (letter) => `\\x${letter.charCodeAt(0).toString(16)}`);

const SPELLINGS: readonly (readonly [string, (text: string) => string])[] = [
  ['as it is', (text) => text],
  ['percent-encoded', encodeURIComponent],
  [
    'percent-encoded in lower case',
    (text) => encodeURIComponent(text).replaceAll(/%../g, (code) => code.toLowerCase()),
  ],
  ['percent-encoded twice', (text) => encodeURIComponent(encodeURIComponent(text))],
  ['percent-encoded three times', (text) => [1, 2, 3].reduce((inner) => encodeURIComponent(inner), text)],
  ['percent-encoded byte by byte', everyByte],
  ['percent-decoded', decodeURIComponent],
  ['as a form', (text) => new URLSearchParams({ text }).toString()],
  ['in HTML', html],
  ['in HTML, percent-encoded', (text) => html(encodeURIComponent(text))],
  ['in JSON', (text) => JSON.stringify({ text })],
  ['in JSON in JSON', (text) => JSON.stringify(JSON.stringify({ text }))],
  ['in JSON with escaped slashes', (text) => json(text).replaceAll('/', '\\/')],
  ['in JSON with escapes alone', unicode],
  ['in JavaScript', hex],
  ['percent-encoded, in HTML, in JSON', (text) => JSON.stringify(html(encodeURIComponent(text)))],
  ['in base64', (text) => Buffer.from(text).toString('base64')],
  ['in base64url', (text) => Buffer.from(text).toString('base64url')],
  ['in base64 after one byte', (text) => Buffer.from(`x${text}`).toString('base64')],
  ['in base64 after two bytes', (text) => Buffer.from(`xy${text}z`).toString('base64')],
  ['in base64, percent-encoded', (text) => encodeURIComponent(Buffer.from(text).toString('base64'))],
  ['cut off', (text) => text.slice(0, -3)],
  ['percent-encoded and cut off', (text) => encodeURIComponent(text).slice(0, -4)],
];

/** Whether the text, or a decoding of it, contains one of the secrets. */
function leaks(text: string): boolean {
  const seen = new Set<string>();
  const decodings = (of: string, depth: number): void => {
    if (depth === 0 || seen.has(of)) return;
    seen.add(of);
    decodings(
      of.replaceAll(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
      depth - 1,
    );
    decodings(
      of
        .replaceAll(/&#x([0-9a-f]+);/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
        .replaceAll('&#61;', '=')
        .replaceAll('&amp;', '&'),
      depth - 1,
    );
    decodings(
      of
        .replaceAll(/\\u([0-9a-f]{4})|\\x([0-9a-f]{2})/gi, (_, one: string, two: string) =>
          String.fromCharCode(Number.parseInt(one ?? two, 16)),
        )
        .replaceAll('\\/', '/')
        .replaceAll('\\', ''),
      depth - 1,
    );
    for (const [run] of of.matchAll(/[A-Za-z0-9+/_-]{12,}/g))
      for (const shift of [0, 1, 2, 3])
        decodings(Buffer.from(run.slice(shift), 'base64').toString('latin1'), 1);
  };
  decodings(text, 6);
  return [...seen].some((decoded) => SECRETS.some((secret) => decoded.includes(secret)));
}

describe.each(SPELLINGS)('a secret %s', (_, spelled) => {
  test.each([
    ['the URL', URL_TEXT],
    ['its query', QUERY],
    ['a value', encodeURIComponent(SIGNATURE)],
  ])('is not in a line about it: %s', (_what, text) => {
    const { written, logger, secrets } = capture();
    const shown = spelled(text);
    const cause = new TypeError(`<Resource>/bucket/${shown}</Resource>`);
    secrets.run(new SecretValues((values) => values.addUrl(new URL(URL_TEXT))), () => {
      logger.error({ err: new Error(`no such key: ${shown} (404)`, { cause }) }, 'failed');
      logger.warn({ detail: shown, list: ['other', shown], deep: { deeper: [{ shown }] } }, 'failed');
    });
    expect(leaks(JSON.stringify({ shown }))).toBe(true);
    for (const line of written) {
      JSON.parse(line);
      expect(leaks(line), line).toBe(false);
    }
    // What surrounds it is still there.
    expect(JSON.parse(written[0] ?? '')).toMatchObject({
      msg: 'failed',
      err: { message: expect.stringMatching(/^no such key: .*\(404\)$/s) as string },
    });
  });

  test('of a URL is not in a line of other work', () => {
    // Without knowing the value, a URL that was cut off before its query, or a bare query, cannot be told.
    const { written, logger } = capture();
    logger.error({ err: new Error(`no such key: ${spelled(URL_TEXT)}`) }, 'failed');
    expect(leaks(written.join(''))).toBe(false);
  });
});

describe('what the work knows', () => {
  const line = (fill: (values: SecretValues) => void, text: string) => {
    const { written, logger, secrets } = capture();
    secrets.run(new SecretValues(fill), () => logger.error({ err: text }, 'failed'));
    return (JSON.parse(written[0] ?? '') as { err: { message: string } }).err.message;
  };

  test.each<[string, (values: SecretValues) => void, string, string]>([
    ['a header', (values) => values.addHeader('Bearer abcdefghijkl'), 'got abcdefghijkl', 'got …'],
    ['a cookie', (values) => values.addHeader('a=b; session=abcdefghijkl'), 'got abcdefghijkl!', 'got …!'],
    ['user information', (values) => values.addUrl(new URL('http://bob:hunter22@h/')), 'as hunter22', 'as …'],
    ['a short value with its name', (values) => values.addQuery('a=1&sig=ab1'), 'for sig=ab1, 1', 'for …, 1'],
    [
      'a text with a query',
      (values) => values.addText('/v1/redirect/https%3A%2F%2Fh%2Fp%3Fkey%3Dabcdefgh'),
      'abcdefgh',
      '…',
    ],
    ['overlapping values', (values) => values.addQuery('a=abcdefgh&b=abcdefghij'), 'x abcdefghij y', 'x … y'],
    ['nothing', () => undefined, 'a+b%20c', 'a+b%20c'],
    [
      'letters beyond ASCII',
      (values) => values.addQuery('k=%C3%A9%C3%A9%C3%A9%C3%A9'),
      'ü: éééé, \u{1f600}',
      'ü: …, \u{1f600}',
    ],
  ])('%s', (_, fill, text, message) => {
    expect(line(fill, text)).toBe(message);
  });

  test('is known to what the work calls later, and to no other work', async () => {
    const { written, logger, secrets } = capture();
    const values = new SecretValues();
    await secrets.run(values, async () => {
      await Promise.resolve();
      secrets.current?.addUrl(new URL('https://h/?token=abcdefgh'));
      logger.child({ part: 'store' }).error({ err: 'abcdefgh' }, 'failed');
    });
    logger.error({ err: 'abcdefgh' }, 'failed');
    expect(written.map((text) => text.includes('abcdefgh'))).toEqual([false, true]);
    expect(secrets.current).toBeUndefined();
  });

  test('always: the secrets of the process', () => {
    const { written, logger, secrets } = capture();
    secrets.always.addSecret('pa$$w%rd1');
    logger.error({ err: new Error('AUTH pa$$w%rd1 refused; pa%24%24w%25rd1') }, 'failed');
    expect(written.join('')).not.toMatch(/rd1/);
  });
});

describe('a query that imitates a log line', () => {
  test.each([
    'a="level":"error"',
    'a=","level":"info","x":"',
    'a=\\"\\\\',
    'level=info&time=2026&program=pppppppp&requestId=abcdefgh&msg=failed now',
    'a=requestId&b=message',
    'a=\u0000\u0001\ud83d',
  ])('%j changes nothing but the texts', (query) => {
    const { written, logger, secrets } = capture();
    const url = new URL(`https://h.example/?${query}`);
    secrets.run(new SecretValues((values) => values.addUrl(url)), () =>
      logger.error({ requestId: 'abcdefgh', err: new Error(`a "quoted" \\ ${url.href}`) }, 'failed now'),
    );
    expect(JSON.parse(written[0] ?? '')).toMatchObject({
      level: 'error',
      program: 'p',
      requestId: 'abcdefgh',
      msg: 'failed now',
      err: { name: 'Error', message: expect.stringMatching(/^a "quoted" \\ https:/) as string },
    });
  });
});

describe('the texts of others', () => {
  test('are cut', () => {
    const { written, logger } = capture();
    logger.error({ err: new Error('x'.repeat(1_000_000), { cause: '\\"'.repeat(500_000) }) }, 'failed');
    logger.error({ body: '\u0001\\"'.repeat(500_000) }, 'failed');
    for (const line of written) {
      expect(line.length).toBeLessThan(30_000);
      JSON.parse(line);
    }
  });

  test('that are made of escapes and URLs take linear time', () => {
    const { written, logger, secrets } = capture();
    const query = Array.from({ length: 1000 }, (_, index) => `p${index}=value-${index}`).join('&');
    secrets.run(new SecretValues((values) => values.addQuery(query)), () => {
      for (const part of ['http://', '%25', '\\\\', '&amp;', 'aHR0cHM6Ly', 'value-'])
        logger.error({ text: part.repeat(100_000) }, 'failed');
    });
    expect(written).toHaveLength(6);
  });
});
