import { describe, expect, test } from 'vitest';
import { createLogger, describeError, escapeDeceptive, lineWriter, withoutQuery } from '../src/index.ts';
import { repeatedFailureLog } from '../src/repeated-failure-log.ts';

function capture(level = 'info') {
  const lines: Record<string, unknown>[] = [];
  const destination = {
    write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  };
  return { lines, logger: createLogger({ level, program: 'p', version: '1.2.3', destination }) };
}

describe('a line', () => {
  test('has level, time, program, version and message, but no host name or pid', () => {
    const { lines, logger } = capture();
    logger.warn({ count: 1 }, 'hello');
    expect(lines).toEqual([
      {
        level: 'warn',
        time: expect.stringMatching(/Z$/) as string,
        program: 'p',
        version: '1.2.3',
        count: 1,
        msg: 'hello',
      },
    ]);
  });

  test('is not written below the level', () => {
    const { lines, logger } = capture('error');
    logger.warn('hello');
    expect(lines).toEqual([]);
  });

  test('contains no credentials', () => {
    const { lines, logger } = capture();
    const secret = 'hunter2';
    logger.info({
      authorization: secret,
      token: secret,
      headers: {
        authorization: secret,
        cookie: secret,
        'set-cookie': [secret],
        'x-amz-security-token': secret,
      },
      request: { headers: { authorization: secret, 'proxy-authorization': secret } },
    });
    logger.error({ err: new Error(`GET https://host/a?X-Amz-Signature=${secret} failed`) });
    logger.child({ token: secret }).info('child');
    logger.info(
      { to: `"https://host/a?sig=${secret}\\${secret}"\nb` },
      `redis://u:${secret}@h, "http://h?${secret}"`,
    );
    expect(lines).toHaveLength(4);
    expect(lines[3]).toMatchObject({ to: '"https://host/a?…"\nb', msg: 'redis://…@h, "http://h?…"' });
    expect(JSON.stringify(lines)).not.toContain(secret);
  });
});

describe('an error', () => {
  test('is logged with code, stack and causes', () => {
    const cause = Object.assign(new TypeError('inner'), { code: 'ECONNREFUSED' });
    const error = Object.assign(new Error('outer', { cause }), {
      code: 'store_unavailable',
      retryable: true,
    });
    expect(describeError(error)).toMatchObject({
      name: 'Error',
      message: 'outer',
      code: 'store_unavailable',
      retryable: true,
      stack: expect.stringContaining('logger.test.ts') as string,
      cause: { name: 'TypeError', message: 'inner', code: 'ECONNREFUSED' },
    });
  });

  test('that is its own cause is logged to a limited depth', () => {
    const error = new Error('circle');
    error.cause = error;
    expect(JSON.stringify(describeError(error)).length).toBeLessThan(50_000);
  });

  test.each([
    ['text', 'text'],
    [undefined, 'undefined'],
    [{ a: 1 }, '{"a":1}'],
    [1n, 'a thrown value that is not an error'],
  ])('may be the thrown value %s', (value, message) => {
    expect(describeError(value)).toMatchObject({ message });
  });
});

test.each([
  ['https://h/p?a=b&c=d', 'https://h/p?…'],
  ['GET https://h/p?sig=x failed; then http://i/?y', 'GET https://h/p?… failed; then http://i/?…'],
  ['see "https://h/p?a" and <http://h?b>', 'see "https://h/p?…" and <http://h?…>'],
  ['redis://user:pass@host:6379/0', 'redis://…@host:6379/0'],
  ['https://u:p@h/p?a', 'https://…@h/p?…'],
  ['why? because', 'why? because'],
  ['https://h/p', 'https://h/p'],
])('withoutQuery(%j) is %j', (text, result) => {
  expect(withoutQuery(text)).toBe(result);
});

test('repeated failures of one kind are logged as one warning', () => {
  const { lines, logger } = capture();
  const log = repeatedFailureLog(logger);
  const failure = (code: string) => Object.assign(new Error('x'), { code });
  for (const code of ['ECONNREFUSED', 'ECONNREFUSED', 'ETIMEDOUT', 'ECONNREFUSED']) log(failure(code));
  expect(lines.map((line) => (line.err as { code: string }).code)).toEqual(['ECONNREFUSED', 'ETIMEDOUT']);
});

test('lineWriter writes to the stream of a logger and of its children', () => {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ level: 'info', program: 'test', version: '0', destination });
  lineWriter(logger)('of the logger\n');
  lineWriter(logger.child({ part: 'entries' }).child({ backend: 's3/here' }))('of its child\n');
  expect(lines).toEqual(['of the logger\n', 'of its child\n']);
});

describe('characters that change how a log is shown', () => {
  const deceptive = [
    ['DEL', '\x7f'],
    ['NEL, a line break', '\x85'],
    ['CSI, which begins a terminal command', '\x9b31m'],
    ['OSC, which sets a terminal’s title', '\x9d0;title\x9c'],
    ['LINE SEPARATOR', '\u2028'],
    ['PARAGRAPH SEPARATOR', '\u2029'],
    ['RIGHT-TO-LEFT OVERRIDE', '\u202egnp.exe'],
    ['a bidirectional isolate', '\u2066x\u2069'],
    ['ARABIC LETTER MARK', '\u061c'],
    ['ZERO WIDTH SPACE', '\u200b'],
    ['BYTE ORDER MARK', '\ufeff'],
    ['SOFT HYPHEN', '\xad'],
    ['a tag character', '\u{e0041}'],
  ] as const;

  test.each(deceptive)('%s is escaped, and the value stays the same', (_, text) => {
    const written: string[] = [];
    const destination = { write: (line: string) => void written.push(line) };
    const logger = createLogger({ level: 'info', program: 'p', version: '1', destination });
    logger.info({ [text]: text, err: new Error(text), list: [text] }, text);
    logger.child({ bound: text }).info('child');
    for (const line of written) expect(line).toMatch(/^[\x20-\x7e]*\n$/);
    expect(JSON.parse(written[0] ?? '')).toMatchObject({ [text]: text, list: [text], msg: text });
    expect(JSON.parse(written[1] ?? '')).toMatchObject({ bound: text });
  });

  test('other characters stay as they are', () => {
    const text = 'é 日本 😀 ‰\n';
    expect(escapeDeceptive(text)).toBe(text);
  });
});
