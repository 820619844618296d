import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { endWithParent } from './end-with-parent.ts';
import { LogLines, type LogLine, type LogLinesOptions } from './log-lines.ts';

/** Root of the project, where `services` and `config` are. */
export const PROJECT_ROOT = join(import.meta.dirname, '..', '..', '..');

/** Where `npm start` and its like keep what V8 has compiled: programs start with half of the work. */
export const COMPILE_CACHE = join(PROJECT_ROOT, 'node_modules/.cache/node-compile');

export const FRONTEND = 'services/frontend/src/main.ts';
export const COPIER = 'services/copier/src/main.ts';
export const STANDALONE = 'services/standalone/src/main.ts';

export interface ProgramOptions {
  /** Content of a configuration file, written as YAML and given by `--config`; a string is a path that is given as it is. */
  readonly config?: object | string;
  /** Added to this process's environment; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly args?: readonly string[];
  /** A command that runs the program, which follows it: `['faketime', '+2h']`. */
  readonly under?: readonly string[];
  /** In a process group of its own, so that Ctrl-C on a terminal does not reach it. */
  readonly detached?: boolean;
  /** What happens to the lines that it prints. */
  readonly lines?: LogLinesOptions;
}

export interface StartOptions extends ProgramOptions {
  /** Time for the ready line: a limit for a program that hangs, no expectation of speed. */
  readonly readyMs?: number;
}

export interface ProgramExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program of the project, running. Disposing kills it (-9) where it still runs. */
export interface Program extends AsyncDisposable {
  readonly pid: number;
  /** The line with `"msg":"ready"`. */
  readonly ready: LogLine;
  /** `http://127.0.0.1:<port>`. @throws Error where the ready line names no address */
  readonly address: string;
  url(path: string): string;
  /** What came on stdout, line by line, so far. */
  readonly logs: readonly LogLine[];
  /** What came on stderr so far. */
  stderr(): string;
  /** The first line, of those there are or come, that `matches`. Rejects after `timeoutMs` (20 seconds). */
  log(matches: (line: LogLine) => boolean, timeoutMs?: number): Promise<LogLine>;
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM, then its exit; killed after `timeoutMs` (40 seconds), which rejects. */
  stop(timeoutMs?: number): Promise<ProgramExit>;
  /** SIGKILL, then its exit. */
  kill(): Promise<ProgramExit>;
  /** How it ended; never rejects. */
  readonly exit: Promise<ProgramExit>;
}

/**
 * Starts a program of the project with this very Node and waits for its ready line.
 * @param script path below the project's root, such as {@link FRONTEND}
 * @throws Error with its last lines, where it ends or says nothing before it is ready
 */
export async function startProgram(script: string, options: StartOptions = {}): Promise<Program> {
  await using opened = new AsyncDisposableStack();
  const { child, exit, out, err } = await launch(script, options, opened);
  const kill = async (): Promise<ProgramExit> => {
    child.kill('SIGKILL');
    return exit;
  };
  opened.defer(async () => void (await kill()));

  const report = (what: string): string =>
    `${script} ${what}; its last lines:\n${out.tail(15)}\n${err.tail(15)}`;
  const ready = await firstOf(
    (signal) => out.find((line) => line.msg === 'ready', signal),
    options.readyMs ?? 60_000,
    exit.then(({ code, signal }) => `ended with ${code ?? signal ?? 'nothing'} before it was ready`),
    report,
  );
  const base = (): string => {
    if (typeof ready.address !== 'string') throw new Error(`${script} names no address in its ready line`);
    return ready.address.replace('//0.0.0.0', '//127.0.0.1').replace(/\/$/, '');
  };

  const running = opened.move();
  return {
    pid: child.pid ?? 0,
    ready,
    get address() {
      return base();
    },
    url: (path) => base() + path,
    logs: out.lines,
    stderr: () => err.tail(Infinity),
    log: (matches, timeoutMs = 20_000) =>
      firstOf(
        (signal) => out.find(matches, signal),
        timeoutMs,
        exit.then(() => 'ended without that line'),
        report,
      ),
    signal: (signal) => void child.kill(signal),
    stop: async (timeoutMs = 40_000) => {
      child.kill('SIGTERM');
      const ended = await within(exit, timeoutMs);
      if (ended !== null) return ended;
      await kill();
      throw new Error(report(`did not end within ${timeoutMs} ms of SIGTERM`));
    },
    kill,
    exit,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

export interface ProgramOutcome extends ProgramExit {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program that ends by itself, killed after a minute. */
export async function runProgram(script: string, options: ProgramOptions = {}): Promise<ProgramOutcome> {
  await using opened = new AsyncDisposableStack();
  const { child, exit, out, err } = await launch(script, options, opened);
  const killer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const ended = await exit;
  clearTimeout(killer);
  return { ...ended, stdout: out.tail(Infinity), stderr: err.tail(Infinity) };
}

interface Launched {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  /** Resolves when it has ended and all that it printed was read. */
  readonly exit: Promise<ProgramExit>;
  readonly out: LogLines;
  readonly err: LogLines;
}

async function launch(
  script: string,
  options: ProgramOptions,
  opened: AsyncDisposableStack,
): Promise<Launched> {
  const [command = process.execPath, ...before] = [...(options.under ?? []), process.execPath];
  const child = spawn(
    command,
    [
      ...before,
      join(PROJECT_ROOT, script),
      ...(await configArgs(options.config, opened)),
      ...(options.args ?? []),
    ],
    {
      cwd: PROJECT_ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: environment(options.env),
      detached: options.detached ?? false,
    },
  );
  endWithParent(child);
  const out = new LogLines(child.stdout, options.lines);
  const err = new LogLines(child.stderr, options.lines);
  const exit = new Promise<ProgramExit>((resolve) => {
    child.once('error', (error) => err.lines.push({ raw: String(error) }));
    child.once('close', (code, signal) => resolve({ code, signal }));
  }).then(async (ended) => {
    await Promise.all([out.ended, err.ended]);
    return ended;
  });
  return { child, exit, out, err };
}

async function configArgs(
  config: ProgramOptions['config'],
  opened: AsyncDisposableStack,
): Promise<readonly string[]> {
  if (config === undefined) return [];
  if (typeof config === 'string') return ['--config', config];
  const folder = await mkdtemp(join(tmpdir(), 'test-config-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'config.yaml');
  // JSON is YAML.
  await writeFile(file, JSON.stringify(config, null, 2));
  return ['--config', file];
}

function environment(added: ProgramOptions['env'] = {}): NodeJS.ProcessEnv {
  return {
    ...process.env,
    // Set by whoever runs the suites, for themselves.
    NODE_OPTIONS: undefined,
    NODE_COMPILE_CACHE: COMPILE_CACHE,
    CLOUD_MIRROR_CONFIG: undefined,
    PORT: undefined,
    HOST: undefined,
    AWS_ACCESS_KEY_ID: process.env.AWS_ACCESS_KEY_ID ?? 'test',
    AWS_SECRET_ACCESS_KEY: process.env.AWS_SECRET_ACCESS_KEY ?? 'test',
    AWS_EC2_METADATA_DISABLED: 'true',
    NO_COLOR: '1',
    ...added,
  };
}

/** What `find` finds; rejects with a report when the time is over, or when `ended` says that it will not come. */
async function firstOf<T>(
  find: (signal: AbortSignal) => Promise<T>,
  timeoutMs: number,
  ended: Promise<string>,
  report: (what: string) => string,
): Promise<T> {
  const giveUp = new AbortController();
  const timer = setTimeout(
    () => giveUp.abort(new Error(report(`said nothing of it within ${timeoutMs} ms`))),
    timeoutMs,
  );
  void ended.then((how) => giveUp.abort(new Error(report(how))));
  try {
    return await find(giveUp.signal);
  } finally {
    clearTimeout(timer);
  }
}

async function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T | null> {
  const { promise: late, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(() => resolve(null), timeoutMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
