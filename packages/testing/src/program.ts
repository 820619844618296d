import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { endWithParent } from './end-with-parent.ts';
import { LogLines, type LogLine, type LogLinesOptions } from './log-lines.ts';

/** The root folder of the project. */
export const PROJECT_ROOT = join(import.meta.dirname, '..', '..', '..');

/** The folder for V8's compile cache, which `npm start` uses too. It halves the work of starting a program. */
export const COMPILE_CACHE = join(PROJECT_ROOT, 'node_modules/.cache/node-compile');

export const FRONTEND = 'services/frontend/src/main.ts';
export const COPIER = 'services/copier/src/main.ts';
export const ROUTER = 'services/router/src/main.ts';
export const STANDALONE = 'services/standalone/src/main.ts';
export const FLEET = 'services/fleet/src/main.ts';

export interface ProgramOptions {
  /** The content of a configuration file, or the path of one (a string), for `--config`. */
  readonly config?: object | string;
  /** Added to the environment of this process; `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly args?: readonly string[];
  /** A command that runs the program given after it: `['faketime', '+2h']`. */
  readonly under?: readonly string[];
  /** Whether to use a new process group, so that Ctrl-C on a terminal does not reach the program. */
  readonly detached?: boolean;
  /** How to collect the printed lines. */
  readonly lines?: LogLinesOptions;
}

export interface StartOptions extends ProgramOptions {
  /** The time limit for the ready line. It ends a program that hangs, and is no expectation of speed. */
  readonly readyMs?: number;
}

export interface ProgramExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running program of the project. Disposal kills it (SIGKILL). */
export interface Program extends AsyncDisposable {
  readonly pid: number;
  /** The line with `"msg":"ready"`. */
  readonly ready: LogLine;
  /** `http://127.0.0.1:<port>`. @throws Error if the ready line has no address */
  readonly address: string;
  url(path: string): string;
  /** The lines on stdout so far. */
  readonly logs: readonly LogLine[];
  /** The text on stderr so far. */
  stderr(): string;
  /** Waits for the first line, past or future, that `matches`. Rejects after `timeoutMs` (default 20 seconds). */
  log(matches: (line: LogLine) => boolean, timeoutMs?: number): Promise<LogLine>;
  signal(signal: NodeJS.Signals): void;
  /** Sends SIGTERM and waits for the exit. Kills the program and rejects after `timeoutMs` (default 40 seconds). */
  stop(timeoutMs?: number): Promise<ProgramExit>;
  /** Sends SIGKILL and waits for the exit. */
  kill(): Promise<ProgramExit>;
  /** Resolves at the exit; never rejects. */
  readonly exit: Promise<ProgramExit>;
}

/**
 * Starts a program of the project with the Node of this process, and waits for its ready line.
 * @param script its path from the project's root, such as {@link FRONTEND}
 * @throws Error with its last lines, if it ends or does not become ready in time
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
    if (typeof ready.address !== 'string') throw new Error(`the ready line of ${script} has no address`);
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

/** Runs a program that ends by itself. Kills it after a minute. */
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
  /** Resolves when the program has ended and its output is read. */
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
  // JSON is valid YAML.
  await writeFile(file, JSON.stringify(config, null, 2));
  return ['--config', file];
}

function environment(added: ProgramOptions['env'] = {}): NodeJS.ProcessEnv {
  return {
    ...process.env,
    // Whoever runs the suites may have set these for other programs.
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

/** The result of `find`. Rejects with a report after the time limit, or when `ended` resolves. */
async function firstOf<T>(
  find: (signal: AbortSignal) => Promise<T>,
  timeoutMs: number,
  ended: Promise<string>,
  report: (what: string) => string,
): Promise<T> {
  const giveUp = new AbortController();
  const timer = setTimeout(
    () => giveUp.abort(new Error(report(`did not print the expected line within ${timeoutMs} ms`))),
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
