import { createHash } from 'node:crypto';
import { appendFile, mkdtemp, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AuditTrail, createLogger, openAuditTrail, verifyAuditFile, type AuditSink } from '../src/index.ts';

let folder: string;
let file: string;
let logged: string[];
const logger = createLogger({
  level: 'info',
  program: 'p',
  version: '1',
  destination: { write: (line: string) => logged.push(line) },
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'audit-'));
  file = join(folder, 'audit.jsonl');
  logged = [];
});
afterEach(() => rm(folder, { recursive: true }));

const open = () => openAuditTrail({ file }, logger);
const rawLines = async (path = file) => (await readFile(path, 'utf8')).split('\n').slice(0, -1);
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
type Line = Record<string, unknown>;
const parsedLines = async (path = file) => (await rawLines(path)).map((line) => JSON.parse(line) as Line);

/** Checks numbers and chain without the code under test. */
async function expectChain(path = file): Promise<void> {
  const raw = await rawLines(path);
  for (const [index, line] of raw.entries()) {
    const { seq, prev } = JSON.parse(line) as Line;
    const before = raw[index - 1];
    if (before === undefined) continue;
    expect(prev).toBe(sha256(before));
    expect(seq).toBe(((JSON.parse(before) as Line)['seq'] as number) + 1);
  }
}

describe('an audit file', () => {
  test('has the line, numbered and chained, when append resolves', async () => {
    await using trail = await open();
    expect(await trail.append('begun', { call: 'purge' })).toBe(1);
    expect(await parsedLines()).toMatchObject([
      {
        level: 'info',
        program: 'p',
        audit: true,
        seq: 1,
        prev: '0'.repeat(64),
        event: 'begun',
        call: 'purge',
      },
    ]);
    expect(await trail.append('ended', { begunSeq: 1 })).toBe(2);
    await expectChain();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test('keeps the order and the chain of concurrent lines', async () => {
    await using trail = await open();
    const numbers = Array.from({ length: 350 }, (_, number) => trail.append('begun', { number }));
    expect(await Promise.all(numbers)).toEqual(Array.from({ length: 350 }, (_, index) => index + 1));
    expect((await parsedLines()).map(({ number }) => number)).toEqual([...Array(350).keys()]);
    await expectChain();
  });

  test('goes on with number and chain after a restart', async () => {
    for (const number of [1, 2, 3]) {
      await using trail = await open();
      expect(await trail.append('begun', {})).toBe(number);
    }
    await expectChain();
    expect(new Set((await parsedLines()).map(({ chain }) => chain)).size).toBe(1);
  });

  test.each(['{"level":"info","time":"2026', '{', '{"level":"info","time":"x","seq":2,"prev":"ab"}'])(
    'removes the line %j that a crash cut off, and records it',
    async (torn) => {
      await using trail = await open();
      await trail.append('begun', {});
      await appendFile(file, torn);
      await using next = await open();
      await next.append('begun', {});
      expect(await parsedLines()).toMatchObject([
        { seq: 1 },
        { seq: 2, event: 'recovered', torn },
        { seq: 3 },
      ]);
      await expectChain();
      expect(logged.join('')).toContain('a crash cut off the last line of the audit file');
    },
  );

  test('that has only a line that was cut off begins anew', async () => {
    await writeFile(file, '{"level":"info","ti');
    await using trail = await open();
    await trail.append('begun', {});
    expect(await parsedLines()).toMatchObject([{ seq: 1, event: 'recovered' }, { seq: 2 }]);
    await expectChain();
  });

  test.each(['no audit file\n', '{"a":1}\n', 'null\n', 'no line feed', 'x'.repeat(3 * 1024 * 1024)])(
    'with the foreign content %.20j is not touched',
    async (content) => {
      await writeFile(file, content);
      await expect(open()).rejects.toMatchObject({
        code: 'config_invalid',
        message: expect.stringContaining('audit.file') as string,
      });
      expect(await readFile(file, 'utf8')).toBe(content);
    },
  );

  test.each([
    ['a folder', () => folder],
    ['a device', () => '/dev/null'],
    ['a path in a folder that does not exist', () => join(folder, 'none', 'audit')],
  ])('that is %s is a configuration fault', async (_, path) => {
    await expect(openAuditTrail({ file: path() }, logger)).rejects.toMatchObject({ code: 'config_invalid' });
  });

  test('that another process wrote to refuses lines, and keeps its chain', async () => {
    await using one = await open();
    await one.append('begun', {});
    await using other = await open();
    await other.append('begun', {});
    await expect(one.append('begun', {})).rejects.toThrow(/give each process a file of its own/);
    await other.append('ended', {});
    expect(await rawLines()).toHaveLength(3);
    await expectChain();
  });

  test('that was cut short refuses lines', async () => {
    await using trail = await open();
    await trail.append('begun', {});
    await truncate(file, 0);
    await expect(trail.append('begun', {})).rejects.toMatchObject({ code: 'audit_unavailable' });
  });

  test('that was moved away goes on in a new file, with the same chain', async () => {
    await using trail = await open();
    await trail.append('begun', {});
    await rename(file, `${file}.1`);
    await trail.append('ended', {});
    const [before = ''] = await rawLines(`${file}.1`);
    expect(await parsedLines()).toMatchObject([{ seq: 2, prev: sha256(before) }]);
  });

  test('has no query of a URL', async () => {
    await using trail = await open();
    await trail.append('begun', { note: 'GET https://h.example/a?sig=hidden' });
    expect(await readFile(file, 'utf8')).not.toContain('hidden');
  });
});

describe('on standard output', () => {
  test('the lines are chained among the log lines', async () => {
    await using trail = await openAuditTrail({ file: null }, logger);
    await trail.append('begun', {});
    logger.info('another line');
    await trail.append('ended', {});
    const [begun = '', , ended = ''] = logged;
    expect(JSON.parse(ended)).toMatchObject({ audit: true, seq: 2, prev: sha256(begun.slice(0, -1)) });
  });
});

describe('a sink that fails', () => {
  const trailTo = (append: AuditSink['append'], keepsFailedLines = false) =>
    new AuditTrail(
      { append, keepsFailedLines, close: async () => undefined },
      { end: { chain: 'c', seq: 0, digest: 'd' }, bindings: {}, limitMs: 5000 },
    );

  test('refuses the line, and its number is used again', async () => {
    let full = true;
    const written: string[] = [];
    await using trail = trailTo(async (lines) => {
      if (full) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
      written.push(lines);
    });
    await expect(trail.append('begun', {})).rejects.toMatchObject({
      code: 'audit_unavailable',
      cause: { code: 'ENOSPC' },
    });
    full = false;
    expect(await trail.append('begun', {})).toBe(1);
    expect(written).toHaveLength(1);
  });

  test('that may have written the line does not use its number again', async () => {
    let full = true;
    await using trail = trailTo(async () => {
      if (full) throw new Error('no answer');
    }, true);
    await expect(trail.append('begun', {})).rejects.toThrow();
    full = false;
    expect(await trail.append('begun', {})).toBe(2);
  });

  test('that hangs refuses lines after the time limit, and at once while it hangs', async () => {
    vi.useFakeTimers();
    try {
      const hanging = Promise.withResolvers<void>();
      const trail = trailTo(() => hanging.promise);
      const first = expect(trail.append('begun', {})).rejects.toMatchObject({ code: 'audit_unavailable' });
      await vi.advanceTimersByTimeAsync(5000);
      await first;
      await expect(trail.append('begun', {})).rejects.toThrow(/not written yet/);
      hanging.resolve();
      await vi.advanceTimersByTimeAsync(0);
      expect(await trail.append('begun', {})).toBe(2);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('verifyAuditFile', () => {
  const write = async (count: number) => {
    await using trail = await open();
    for (let number = 0; number < count; number += 1) await trail.append('begun', { number });
  };

  test('accepts an unchanged file, and names changes that did not end', async () => {
    {
      await using trail = await open();
      const begunSeq = await trail.append('begun', {});
      await trail.append('ended', { begunSeq });
      await trail.append('begun', {});
    }
    const [, , last = ''] = await rawLines();
    expect(await verifyAuditFile(file)).toEqual({
      lines: 3,
      last: { seq: 3, digest: sha256(last) },
      interrupted: [3],
      faults: [],
    });
  });

  test.each([
    ['changed', (lines: string[]) => lines.map((line) => line.replace('"number":1', '"number":9'))],
    ['removed', (lines: string[]) => lines.toSpliced(1, 1)],
    ['inserted', (lines: string[]) => lines.toSpliced(1, 0, lines[0] ?? '')],
    ['swapped', ([one = '', two = '', ...others]: string[]) => [two, one, ...others]],
    ['replaced by other text', (lines: string[]) => lines.toSpliced(1, 1, 'text')],
  ])('finds a line that was %s', async (_, change) => {
    await write(4);
    await writeFile(file, `${change(await rawLines()).join('\n')}\n`);
    expect((await verifyAuditFile(file)).faults).not.toEqual([]);
  });

  test('finds a line that was cut off', async () => {
    await write(2);
    await appendFile(file, '{"lev');
    expect((await verifyAuditFile(file)).faults).toEqual([{ line: 3, what: 'the line is cut off' }]);
  });
});
