import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Announcer, type Registry } from '@cloud-mirror/registry';

/** As `registry.drainDelaySeconds`: how long an instance goes on serving after it said that it drains. */
const DRAIN_DELAY_MS = 2_000;

export interface BalancedAppOptions {
  readonly registry: Registry;
  readonly app: string;
  readonly servicePort: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** An instance of an app behind the balancer: a real server, announced as programs announce themselves. */
export interface BalancedInstance {
  readonly id: string;
  readonly port: number;
  /** Says whether it is healthy, and why not. */
  setHealthy(healthy: boolean): Promise<void>;
  /** Drains visibly, ends its server, leaves. */
  stop(): Promise<void>;
  /** Ends without a word, as after `kill -9`: its lease must end. */
  vanish(): Promise<void>;
}

/** Starts an instance, in a process of its own if `apart`. */
export async function startInstance(options: BalancedAppOptions, apart = false): Promise<BalancedInstance> {
  const server = apart ? await serverProcess() : await localServer();
  const state = { state: 'running' as 'running' | 'draining', healthy: true };
  let isGone = false;
  const announce: Registry['announce'] = async (instance, leaseMs) => {
    if (!isGone) await options.registry.announce(instance, leaseMs);
  };
  const announcer = await Announcer.start({
    // No renewal after its end: the lease ends.
    registry: withAnnounce(options.registry, announce),
    own: {
      app: options.app,
      host: '127.0.0.1',
      ports: [{ name: 'http', port: server.port, servicePort: options.servicePort }],
      version: '0.2.0',
      labels: options.labels,
    },
    status: () => ({ ...state, why: state.healthy ? null : 'a test says so', load: null }),
    leaseSeconds: 5,
    onError: () => undefined,
  });
  return {
    id: announcer.id,
    port: server.port,
    async setHealthy(healthy) {
      state.healthy = healthy;
      await announcer.announce();
    },
    async stop() {
      state.state = 'draining';
      await announcer.announce();
      await delay(DRAIN_DELAY_MS);
      await server.end();
      await announcer[Symbol.asyncDispose]();
    },
    async vanish() {
      isGone = true;
      await server.kill();
    },
  };
}

function withAnnounce(registry: Registry, announce: Registry['announce']): Registry {
  return new Proxy(registry, {
    get(target, name) {
      if (name === 'announce') return announce;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

interface BackEnd {
  readonly port: number;
  /** Answers what is under way, and closes. */
  end(): Promise<void>;
  kill(): Promise<void>;
}

async function localServer(): Promise<BackEnd> {
  const server: Server = createServer((_, response) => {
    // Longer than the shortest drain of a balancer.
    setTimeout(() => response.end('ok'), 5);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const end = async (): Promise<void> => {
    server.close();
    server.closeIdleConnections();
    await once(server, 'close');
  };
  return {
    port: (server.address() as AddressInfo).port,
    end,
    async kill() {
      server.closeAllConnections();
      await end();
    },
  };
}

async function serverProcess(): Promise<BackEnd> {
  const child: ChildProcess = fork(new URL('back-end.ts', import.meta.url));
  const [port] = (await once(child, 'message')) as [number];
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  };
  return { port, end: () => kill('SIGTERM'), kill: () => kill('SIGKILL') };
}
