import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { COMPILE_CACHE, PROJECT_ROOT } from './program.ts';

export interface Finished {
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface Running {
  readonly process: ChildProcess;
  readonly finished: Promise<Finished>;
}

export interface CommandLineOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Command-line options of Node. */
  readonly nodeOptions?: readonly string[];
  readonly launcher?: string;
  /** What its standard input holds. Default: nothing. */
  readonly input?: string;
}

export const LAUNCHER = join(PROJECT_ROOT, 'packages/cli/bin/cloud-mirror.js');
/** `haproxy_cfg` */
export const HAPROXY_CFG = join(PROJECT_ROOT, 'packages/cli/bin/haproxy_cfg.js');

/** Starts the real command line. From the environment of this process it gets only PATH. */
export function startCommandLine(args: readonly string[], options: CommandLineOptions = {}): Running {
  const { env = {}, cwd, nodeOptions = [], launcher = LAUNCHER, input = '' } = options;
  const child = spawn(process.execPath, [...nodeOptions, launcher, ...args], {
    env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: COMPILE_CACHE, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  });
  // A program that does not read its input may end before it is written.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const status = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const finished = Promise.all([status, buffer(child.stdout), buffer(child.stderr)]).then(
    ([code, stdout, stderr]) => ({ status: code, stdout, stderr: stderr.toString() }),
  );
  return { process: child, finished };
}

export async function commandLine(
  args: readonly string[],
  options: CommandLineOptions = {},
): Promise<Finished> {
  return startCommandLine(args, options).finished;
}
