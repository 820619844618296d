import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { endWithParent } from './end-with-parent.ts';
import { freePort } from './free-port.ts';
import { redisServerPath } from './redis-server-path.ts';

export interface RedisOptions {
  /** Binary to run; found on the PATH, or installed, where none is named. */
  readonly path?: string;
  /** Port to take again after a restart; a free one where none is named. */
  readonly port?: number;
  /** Directory for an append-only file, so that a server started there again has its data. None: nothing is kept. */
  readonly directory?: string;
  /** Further configuration, as on the command line: `['--maxmemory', '10mb']`. */
  readonly args?: readonly string[];
  /** In a process group of its own, so that Ctrl-C on a terminal does not reach it. */
  readonly detached?: boolean;
}

/** A redis-server of one's own on 127.0.0.1. */
export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly process: ChildProcess;
  /** To stop (`SIGSTOP`), to continue (`SIGCONT`) or to kill it. */
  signal(signal: NodeJS.Signals): void;
  /** Resolves when it is gone, for whatever reason. */
  readonly exit: Promise<string>;
  /** Ends it with SIGTERM, with SIGKILL after five seconds; resolves when it is gone. */
  stop(): Promise<void>;
}

const READY_MS = 20_000;
const STOP_MS = 5_000;
const TRIES = 5;

/** @throws Error with what redis-server said, where it does not answer within 20 seconds */
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
  let said = '';
  const listen = (chunk: Buffer): void => {
    said = (said + chunk.toString()).slice(-4_000);
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
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
    throw new Error(`redis-server (${path}) did not start on port ${port}; it said:\n${said}`, {
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

/** Resolves when the server answers PING, so also after it has loaded its data. */
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
  // A stopped process takes SIGTERM only once it continues.
  child.kill('SIGCONT');
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  try {
    await exit;
  } finally {
    clearTimeout(killer);
  }
}
