import { spawn, type ChildProcess } from 'node:child_process';
import { open, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endWithParent } from '@cloud-mirror/testing/end-with-parent';
import { eventually } from '@cloud-mirror/testing/eventually';

/** A process of a benchmark. Disposing ends it: SIGTERM, then SIGKILL after ten seconds. */
export interface BenchProcess extends AsyncDisposable {
  readonly pid: number;
  /** Everything that it has printed so far. */
  output(): Promise<string>;
  /** Resolves when it has ended, with its exit status or the name of the signal. */
  readonly exit: Promise<string>;
  /** Pauses it until {@link resume} or its end. */
  pause(): void;
  resume(): void;
}

export interface BenchProcessOptions {
  /** Processors in taskset's notation; empty: any. */
  readonly cores: string;
  readonly env?: Readonly<Record<string, string>>;
}

const READY_MS = 60_000;
const STOP_MS = 10_000;

/**
 * Starts a program. Its output goes to a file, as with a supervisor that writes logs to disk. Reading the output here
 * would take processor time from the load.
 */
export async function startProcess(
  command: readonly string[],
  { cores, env = {} }: BenchProcessOptions,
): Promise<BenchProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  const file = join(folder, 'output');
  const output = await open(file, 'w');
  const [program = '', ...args] = cores === '' ? command : ['taskset', '-c', cores, ...command];
  const child = spawn(program, args, {
    stdio: ['ignore', output.fd, output.fd],
    env: { ...process.env, NODE_OPTIONS: undefined, ...env },
  });
  const exit = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(String(code ?? signal)));
  });
  endWithParent(child);
  await output.close();
  return {
    pid: child.pid ?? 0,
    output: () => readFile(file, 'utf8'),
    exit,
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    [Symbol.asyncDispose]: async () => {
      await end(child, exit);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Starts a program and waits until `find` finds the ready message in its output. */
export async function startUntilReady<T>(
  command: readonly string[],
  options: BenchProcessOptions,
  find: (output: string) => T | null,
): Promise<BenchProcess & { readonly ready: T }> {
  const started = await startProcess(command, options);
  let ended: string | null = null;
  void started.exit.then((how) => (ended = how));
  try {
    const ready = await eventually(
      async () => {
        const found = find(await started.output());
        return found === null && ended === null ? null : { found };
      },
      { timeoutMs: READY_MS },
    );
    if (ready.found === null) throw new Error(`it ended with ${ended ?? ''}`);
    return { ...started, ready: ready.found };
  } catch (cause) {
    const said = (await started.output()).slice(-2_000);
    await started[Symbol.asyncDispose]();
    throw new Error(`${command.join(' ')} did not start; its output was:\n${said}`, { cause });
  }
}

/** Starts a script of `bench`, which prints its address in a line of JSON. */
export async function startScript(
  script: string,
  options: BenchProcessOptions & { readonly args?: readonly string[] },
): Promise<BenchProcess & { readonly address: string }> {
  const command = [process.execPath, join(import.meta.dirname, '..', script), ...(options.args ?? [])];
  const started = await startUntilReady(command, options, addressIn);
  return { ...started, address: started.ready };
}

/** `"address":"http://…"` of a ready line. */
export function addressIn(output: string): string | null {
  return /"address":"([^"]+)"/.exec(output)?.[1] ?? null;
}

/** Runs a program to its end. @throws {Error} if it does not exit with 0 */
export async function runToEnd(command: readonly string[], options: BenchProcessOptions): Promise<string> {
  await using started = await startProcess(command, options);
  const how = await started.exit;
  const output = await started.output();
  if (how !== '0') throw new Error(`${command.join(' ')} ended with ${how}:\n${output.slice(-2_000)}`);
  return output;
}

async function end(child: ChildProcess, exit: Promise<string>): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  child.kill('SIGCONT');
  const killer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await exit;
  clearTimeout(killer);
}
