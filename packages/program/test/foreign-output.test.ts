import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const SOURCE = join(import.meta.dirname, '../src/index.ts');

/** Runs a script whose console and warnings are logged. @returns what it prints */
async function printed(script: string): Promise<{ readonly out: string; readonly err: string }> {
  const module = `
    import { createLogger, logForeignOutput } from ${JSON.stringify(SOURCE)};
    const logger = createLogger({ level: 'debug', program: 'test', version: '0' });
    logForeignOutput(logger);
    ${script}
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', module], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  await once(child, 'close');
  return { out, err };
}

test.each([
  ['console.log', `console.log('hello %s', 'you')`, { level: 'debug', printed: 'hello you' }],
  ['console.info', `console.info({ a: 1 })`, { level: 'debug', printed: '{ a: 1 }' }],
  ['console.debug', `console.debug('x')`, { level: 'debug', printed: 'x' }],
  ['console.warn', `console.warn('[WARN] odd\\nlines')`, { level: 'warn', printed: '[WARN] odd\nlines' }],
  [
    'console.error of ioredis',
    `console.error('[ioredis] Unhandled error event:', 'Error: at redis://user:secret@host/0')`,
    { level: 'warn', printed: '[ioredis] Unhandled error event: Error: at redis://…@host/0' },
  ],
  [
    'a warning of Node',
    `process.emitWarning('odd', { code: 'ODD' })`,
    { level: 'warn', msg: 'a warning of Node', err: { name: 'Warning', message: 'odd', code: 'ODD' } },
  ],
  [
    'a deprecation',
    `process.emitWarning('old', 'DeprecationWarning', 'DEP1')`,
    { level: 'warn', err: { name: 'DeprecationWarning', code: 'DEP1' } },
  ],
])(
  '%s becomes a line of JSON on standard output, and nothing else is printed',
  async (_what, script, line) => {
    const { out, err } = await printed(script);
    const lines = out.trimEnd().split('\n');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject(line);
    expect(err).toBe('');
  },
);

test('the same text is logged once', async () => {
  const { out } = await printed(
    `for (let n = 0; n < 100; n += 1) { console.warn('again'); console.warn('other'); }`,
  );
  expect(out.trimEnd().split('\n')).toHaveLength(2);
});
