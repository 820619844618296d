import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { byteSize, showProgress } from '../src/terminal-output.ts';

class Screen extends Writable {
  readonly isTTY: boolean;
  readonly columns = 100;
  text = '';

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.text += chunk.toString();
    callback();
  }
}

function shown(screen: Screen, options: { wanted: boolean; sizeBytes: number | null }): string {
  {
    using progress = showProgress(screen, options);
    progress.update(512 * 1024);
  }
  return screen.text;
}

test('a terminal shows received and total size, and gets its cursor back', () => {
  const text = shown(new Screen(true), { wanted: true, sizeBytes: 1024 * 1024 });
  expect(text).toContain('50% | 512.0 KiB of 1.0 MiB');
  expect(text.lastIndexOf('\u001b[?25h')).toBeGreaterThan(text.lastIndexOf('\u001b[?25l'));
});

test('a body of unknown length shows the received size', () => {
  const text = shown(new Screen(true), { wanted: true, sizeBytes: null });
  expect(text).toContain('512.0 KiB');
  expect(text).not.toContain('%');
});

test('an empty body is shown as 0 B of 0 B', () => {
  const screen = new Screen(true);
  showProgress(screen, { wanted: true, sizeBytes: 0 })[Symbol.dispose]();
  expect(screen.text).toContain('0 B of 0 B');
});

test.each([
  ['no terminal', false, true],
  ['--no-progress', true, false],
])('with %s nothing is shown', (_, isTTY, wanted) => {
  expect(shown(new Screen(isTTY), { wanted, sizeBytes: 1024 * 1024 })).toBe('');
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1_572_864, '1.5 MiB'],
  [1024 ** 5, '1024.0 TiB'],
])('%i bytes are %s', (bytes, text) => {
  expect(byteSize(bytes)).toBe(text);
});
