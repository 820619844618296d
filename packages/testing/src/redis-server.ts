import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { endWithParent } from './end-with-parent.ts';
import { freePort } from './free-port.ts';
import { redisServerPath } from './server-programs.ts';

export interface RedisOptions {
  /** The binary to run. Default: the one on the PATH, installed if necessary. */
  readonly path?: string;
  /** The TCP port, for a restart on the same one. Default: a free port. */
  readonly port?: number;
  /** The folder of an append-only file, so that a restarted server has its data. Default: nothing is persisted. */
  readonly directory?: string;
  /** Further command-line arguments: `['--maxmemory', '10mb']`. */
  readonly args?: readonly string[];
  /** Whether to use a new process group, so that Ctrl-C on a terminal does not reach the server. */
  readonly detached?: boolean;
}

/** A redis-server on 127.0.0.1 that a test owns. */
export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly process: ChildProcess;
  /** Sends a signal, for example to pause (`SIGSTOP`), resume (`SIGCONT`) or kill the server. */
  signal(signal: NodeJS.Signals): void;
  /** Resolves when the process has ended, with the reason. */
  readonly exit: Promise<string>;
  /** Sends SIGTERM, and SIGKILL after five seconds. Resolves when the process has ended. */
  stop(): Promise<void>;
}

const READY_MS = 20_000;
const STOP_MS = 5_000;
const TRIES = 5;

/** @throws Error with the output of redis-server, if it does not answer within 20 seconds */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const path = options.path ?? (await redisServerPath());
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnPort(path, options.port ?? (await freePort()), options);
    } catch (error) {
      if (options.port !== undefined || attempt === TRIES) throw error;
    }
  }
}

async function startOnPort(path: string, port: number, options: RedisOptions): Promise<RedisServer> {
  const temporary = options.directory === undefined ? await mkdtemp(join(tmpdir(), 'test-redis-')) : null;
  const removeTemporary = async (): Promise<void> => {
    if (temporary !== null) await rm(temporary, { recursive: true, force: true });
  };
  const child = spawn(
    path,
    [
      ...['--port', String(port), '--bind', '127.0.0.1', '--daemonize', 'no', '--save', ''],
      ...['--dir', temporary ?? options.directory ?? '.', '--appendonly', temporary === null ? 'yes' : 'no'],
      ...['--appendfsync', 'always'],
      ...(options.args ?? []),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], detached: options.detached ?? false },
  );
  endWithParent(child);
  let output = '';
  const collect = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-4_000);
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(`exit ${code ?? signal ?? 'unknown'}`));
  });
  const stop = async (): Promise<void> => {
    await end(child);
    await removeTemporary();
  };
  try {
    await answering(port, exited);
  } catch (error) {
    await stop();
    throw new Error(`redis-server (${path}) did not start on port ${port}; its output:\n${output}`, {
      cause: error,
    });
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    pid: child.pid ?? 0,
    process: child,
    signal: (signal) => void child.kill(signal),
    exit: exited,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Resolves when the server answers PING, which it does only after loading its data. */
async function answering(port: number, exited: Promise<string>): Promise<void> {
  const until = Date.now() + READY_MS;
  const gone = exited.then((how) => ({ how }));
  while (Date.now() < until) {
    const outcome = await Promise.race([ping(port), gone]);
    if (typeof outcome === 'object') throw new Error(`it ended: ${outcome.how}`);
    if (outcome) return;
    await delay(20);
  }
  throw new Error(`no answer within ${READY_MS} ms`);
}

async function ping(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.setTimeout(1_000, () => socket.destroy(new Error('no answer')));
  try {
    await once(socket, 'connect');
    socket.write('PING\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    return answer.toString().startsWith('+PONG');
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  // A paused process handles SIGTERM only after SIGCONT.
  child.kill('SIGCONT');
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  try {
    await exit;
  } finally {
    clearTimeout(killer);
  }
}
