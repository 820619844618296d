import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { PairedSockets, type ProxyMode } from './tcp-proxy-connection.ts';

export type { ProxyMode } from './tcp-proxy-connection.ts';

export interface TcpTarget {
  readonly host: string;
  readonly port: number;
}

/** A TCP proxy on 127.0.0.1 between two parts, which simulates network faults. */
export interface TcpProxy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** The current mode. */
  readonly mode: ProxyMode;
  /** The number of connections accepted since the start. */
  readonly connections: number;
  /** The number of open connections. */
  readonly open: number;
  /**
   * Sets the mode of open and later connections. `cut`, `reset` and `refuse` close open connections; new ones are then
   * cut or reset at once, or refused by the operating system.
   */
  set(mode: ProxyMode): Promise<void>;
  /** Closes open connections with FIN or RST. Later connections are not affected. */
  drop(how: 'cut' | 'reset'): void;
  /**
   * Silently drops all further bytes on open connections, like a firewall that has lost their state. Later connections
   * are not affected.
   */
  lose(): void;
  /** Sets the target of later connections, as after a failover. */
  retarget(target: TcpTarget): void;
}

export async function startTcpProxy(
  target: TcpTarget,
  options: { readonly port?: number } = {},
): Promise<TcpProxy> {
  let mode: ProxyMode = { kind: 'pass' };
  let current = target;
  let connections = 0;
  let server: Server | null = null;
  const pairs = new Set<PairedSockets>();
  const lost = new Set<PairedSockets>();

  const take = (client: Socket): void => {
    connections += 1;
    const pair = new PairedSockets(client, () => connect(current), mode);
    pairs.add(pair);
    client.once('close', () => {
      pairs.delete(pair);
      lost.delete(pair);
    });
  };

  const listen = async (port: number): Promise<number> => {
    // Half-open, so that the end of one direction does not end the other.
    const fresh = createServer({ allowHalfOpen: true }, take);
    fresh.listen(port, '127.0.0.1');
    await once(fresh, 'listening');
    server = fresh;
    return (fresh.address() as AddressInfo).port;
  };

  const stopListening = async (): Promise<void> => {
    const closing = server;
    if (closing === null) return;
    server = null;
    const closed = once(closing, 'close');
    closing.close();
    for (const pair of [...pairs, ...lost]) pair.end('reset');
    await closed;
  };

  const port = await listen(options.port ?? 0);
  return {
    host: '127.0.0.1',
    port,
    get mode() {
      return mode;
    },
    get connections() {
      return connections;
    },
    get open() {
      return pairs.size;
    },
    set: async (next) => {
      mode = next;
      if (next.kind === 'refuse') return stopListening();
      for (const pair of pairs) pair.setMode(next);
      if (server === null) await listen(port);
    },
    drop: (how) => {
      for (const pair of pairs) pair.end(how);
    },
    lose: () => {
      for (const pair of pairs) {
        pair.setMode({ kind: 'blackhole' });
        lost.add(pair);
      }
      pairs.clear();
    },
    retarget: (next) => {
      current = next;
    },
    [Symbol.asyncDispose]: stopListening,
  };
}
