import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { programVersion } from '@cloud-mirror/program';
import { COMPILE_CACHE } from '@cloud-mirror/testing/program';
import { minimalConfig, minimalWith } from './minimal-config.ts';

type Line = Readonly<Record<string, unknown>>;

let folder: string;
let good: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'program-'));
  good = await file('good.yaml', JSON.stringify(minimalConfig()));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

class Fixture {
  readonly lines: Line[] = [];
  stdout = '';
  stderr = '';
  readonly #child;
  readonly #exit: Promise<[number | null, NodeJS.Signals | null]>;
  readonly #watchers = new Set<() => void>();

  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, [join(import.meta.dirname, 'fixture-program.ts'), ...args], {
      env: {
        PATH: process.env.PATH,
        NODE_COMPILE_CACHE: COMPILE_CACHE,
        HOST: '127.0.0.1',
        PORT: '0',
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    const reader = createInterface({ input: this.#child.stdout });
    const read = once(reader, 'close');
    const closed = once(this.#child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    this.#exit = closed.then(async (ended) => {
      await read;
      return ended;
    });
    reader.on('line', (text) => {
      this.stdout += `${text}\n`;
      if (text.startsWith('{')) this.lines.push(JSON.parse(text) as Line);
      for (const watch of this.#watchers) watch();
    });
  }

  /** The first log line with this `msg`; rejects if the program ends without it. */
  async line(msg: string): Promise<Line> {
    const found = (): Line | undefined => this.lines.find((line) => line.msg === msg);
    const { promise, resolve, reject } = Promise.withResolvers<Line>();
    const watch = (): void => {
      const line = found();
      if (line !== undefined) resolve(line);
    };
    this.#watchers.add(watch);
    watch();
    void this.#exit.then(() => reject(new Error(`ended without "${msg}": ${this.stdout}${this.stderr}`)));
    return promise;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async status(): Promise<number | NodeJS.Signals | null> {
    const [code, signal] = await this.#exit;
    return code ?? signal;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }
}

describe('arguments', () => {
  test.each(['--help', '--version'])('%s answers on standard output and exits 0', async (option) => {
    await using program = new Fixture([option]);
    expect(await program.status()).toBe(0);
    if (option === '--version') expect(program.stdout).toBe(`${programVersion()}\n`);
    else
      for (const word of [
        '--config',
        '--help',
        '--version',
        'CLOUD_MIRROR_CONFIG',
        'PORT',
        'HOST',
        'Listens and',
      ])
        expect(program.stdout).toContain(word);
  });

  test.each([[['--confg', 'x']], [['--config']], [['extra']]])('%j are invalid: exit 2', async (args) => {
    await using program = new Fixture(args);
    expect(await program.status()).toBe(2);
    expect(program.stderr).toContain('error');
  });
});

describe('the configuration', () => {
  test('may be named by the environment', async () => {
    await using program = new Fixture([], { CLOUD_MIRROR_CONFIG: good });
    expect(await program.line('ready')).toHaveProperty('address');
  });

  test('is missing: exit 2', async () => {
    await using program = new Fixture([]);
    expect(await program.status()).toBe(2);
    expect(program.stderr).toContain('--config FILE');
  });

  test('is faulty: every fault on standard error, exit 2, nothing on standard output', async () => {
    const text = minimalWith('server', { publicUrl: 'x', prot: 1 });
    await using program = new Fixture(['--config', await file('faulty.yaml', text)], { PORT: 'http' });
    expect(await program.status()).toBe(2);
    expect(program.stdout).toBe('');
    expect(program.stderr).toContain('faulty.yaml: 3 faults');
    for (const line of [
      /^ {2}PORT: found "http" /m,
      /^ {2}server\.publicUrl: found "x"; expected /m,
      /^ {2}server\.prot: /m,
    ])
      expect(program.stderr).toMatch(line);
  });

  test('does not suit the program: exit 2', async () => {
    const memory = await file('memory.yaml', minimalWith('queue.kind', 'memory'));
    await using program = new Fixture(['--config', memory], { FIXTURE_MODE: 'apart' });
    expect(await program.status()).toBe(2);
    expect(program.stderr).toContain('queue.kind: found "memory"; expected sqs');
  });
});

describe('a program that runs', () => {
  test('prints one line with its address when it is ready, and exits 0 after the drain', async () => {
    await using program = new Fixture(['--config', good]);
    const ready = await program.line('ready');
    expect(program.lines).toHaveLength(1);
    expect(ready).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      program: 'cloud-mirror-fixture',
      version: programVersion(),
      msg: 'ready',
      address: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) as string,
    });
    program.kill('SIGTERM');
    expect(await program.status()).toBe(0);
    expect(program.lines.map((line) => line.msg)).toEqual(['ready', 'draining', 'closed', 'stopped']);
  });

  test.each(['silent', 'error'])('prints that line even at log level %s', async (level) => {
    const quiet = await file(`${level}.yaml`, minimalWith('log.level', level));
    await using program = new Fixture(['--config', quiet]);
    expect(await program.line('ready')).toMatchObject({ level: 'info' });
    program.kill('SIGINT');
    expect(await program.status()).toBe(0);
    expect(program.lines).toHaveLength(1);
  });

  test('exits 1 at once after a second signal', async () => {
    await using program = new Fixture(['--config', good], { FIXTURE_MODE: 'drain hangs' });
    await program.line('ready');
    program.kill('SIGTERM');
    await program.line('draining');
    program.kill('SIGINT');
    expect(await program.status()).toBe(1);
  });

  test('exits 0 after a signal before it is ready', async () => {
    await using program = new Fixture(['--config', good], { FIXTURE_MODE: 'start hangs' });
    await program.line('hanging');
    program.kill('SIGTERM');
    expect(await program.status()).toBe(0);
  });

  test.each([
    ['rejects', 'unhandled rejection', 'nobody handles this'],
    ['throws', 'uncaught exception', 'nobody catches this'],
    ['start fails', 'could not start', 'no luck at https://host/path?…'],
  ])('in the mode "%s" logs the reason and exits 1', async (mode, msg, message) => {
    await using program = new Fixture(['--config', good], { FIXTURE_MODE: mode });
    expect(await program.status()).toBe(1);
    expect(program.lines.at(-1)).toMatchObject({ level: 'fatal', msg, err: { message } });
    expect(program.stdout).not.toContain('hunter2');
  });

  test('that cannot drain logs the reason and exits 1', async () => {
    await using program = new Fixture(['--config', good], { FIXTURE_MODE: 'drain fails' });
    await program.line('ready');
    program.kill('SIGTERM');
    expect(await program.status()).toBe(1);
    expect(program.lines.at(-1)).toMatchObject({ level: 'fatal', msg: 'draining failed' });
  });

  test('reports that its port is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    try {
      await once(other, 'listening');
      const { port } = other.address() as AddressInfo;
      await using program = new Fixture(['--config', good], { PORT: String(port) });
      expect(await program.status()).toBe(1);
      expect(program.lines.at(-1)?.msg).toBe(
        `cannot listen on 127.0.0.1:${port}: the port is already in use; choose another server.port or PORT`,
      );
    } finally {
      other.close();
    }
  });
});
