import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { RedisRegistry, type Registry } from '@cloud-mirror/registry';
import { eventually } from '@cloud-mirror/testing/eventually';
import { freePort } from '@cloud-mirror/testing/free-port';
import { startProgram, type Program } from '@cloud-mirror/testing/program';

const DISCOVERY = 'services/discovery/src/main.ts';

/** A balancer with its agent, in a folder of its own. Disposal ends both. */
export interface Balancer extends AsyncDisposable {
  readonly registry: Registry;
  readonly folder: string;
  readonly file: string;
  readonly httpPort: number;
  /** Starts the agent, or another one after its end. */
  startAgent(): Promise<Program>;
  /** Sends commands to the running HAProxy; null if none runs. */
  call(line: string): Promise<string | null>;
  /** The process id of its worker. */
  pid(): Promise<number | null>;
  /** null if no master of the agent runs. */
  masterPid(): Promise<number | null>;
  /** The addresses of servers that get requests, in one backend. */
  servers(backend: string): Promise<string[]>;
  fileText(): Promise<string | null>;
}

export interface BalancerOptions {
  readonly redisUrl: string;
  /** Keys of `discovery.haproxy`. */
  readonly haproxy?: object;
  /** The prefix of the registry's keys, to share a registry. */
  readonly keyPrefix?: string;
}

export async function openBalancer(options: BalancerOptions): Promise<Balancer> {
  await using opening = new AsyncDisposableStack();
  const keyPrefix = options.keyPrefix ?? `test-${randomUUID()}`;
  const folder = await mkdtemp(join(tmpdir(), 'hap-'));
  opening.defer(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'templates'));
  const httpPort = await freePort();
  const socket = join(folder, 's');
  const file = join(folder, 'haproxy.cfg');
  const registry = opening.use(
    await RedisRegistry.open({
      connection: { url: options.redisUrl },
      keyPrefix,
      commandTimeoutMs: 2_000,
      onError: () => undefined,
    }),
  );
  const call = (line: string): Promise<string | null> => callSocket(socket, line);
  const masterPid = async (): Promise<number | null> => {
    // A master listens a moment later than its worker, and while it loads itself again it does not.
    return eventually(async () => {
      const text = await callSocket(`${socket}.master`, 'show proc');
      const pid = Number(/^(\d+)\s+master/m.exec(text ?? '')?.[1]);
      const isThere = text !== null || (await callSocket(socket, 'show info')) !== null;
      if (isThere && !(pid > 1)) throw new Error(`the master answered ${text}`);
      return { pid: text === null ? null : pid };
    }).then(({ pid }) => pid);
  };
  opening.defer(async () => {
    const pid = await masterPid();
    if (pid !== null) process.kill(pid, 'SIGTERM');
  });
  const config = {
    entries: { kind: 'redis', url: options.redisUrl, keyPrefix },
    registry: { drainDelaySeconds: 0 },
    discovery: {
      port: 0,
      haproxy: {
        enabled: true,
        templates: join(folder, 'templates'),
        file,
        socket,
        reloadSeconds: 1,
        httpPort,
        ...options.haproxy,
      },
    },
  };
  const agents = opening.use(new AsyncDisposableStack());
  const opened = opening.move();
  return {
    registry,
    folder,
    file,
    httpPort,
    call,
    masterPid,
    startAgent: async () => agents.use(await startProgram(DISCOVERY, { config })),
    async pid() {
      const pid = /^Pid: (\d+)$/m.exec((await call('show info')) ?? '')?.[1];
      return pid === undefined ? null : Number(pid);
    },
    async servers(backend) {
      const lines = ((await call('show servers state')) ?? '').split('\n').map((line) => line.split(' '));
      return lines
        .filter(([, name, , , , state, admin]) => name === backend && state === '2' && admin === '0')
        .map((fields) => `${fields[4]}:${fields[18]}`)
        .sort();
    },
    fileText: () => readFile(file, 'utf8').catch(() => null),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Waits until these are the servers that get requests. */
export async function untilServers(
  balancer: Balancer,
  backend: string,
  instances: readonly { readonly port: number }[],
): Promise<void> {
  const wanted = instances.map(({ port }) => `127.0.0.1:${port}`).sort();
  await eventually(async () => {
    const servers = await balancer.servers(backend);
    if (servers.join() !== wanted.join()) throw new Error(`${servers.join()} instead of ${wanted.join()}`);
    return true;
  });
}

async function callSocket(path: string, line: string): Promise<string | null> {
  const socket = connect(path);
  socket.setTimeout(5_000, () => socket.destroy(new Error('HAProxy did not answer')));
  try {
    socket.end(`${line}\n`);
    let text = '';
    for await (const chunk of socket as AsyncIterable<Buffer>) text += chunk.toString();
    return text;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return null;
    throw error;
  }
}
