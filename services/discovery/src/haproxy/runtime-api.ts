import { connect } from 'node:net';

/** A running HAProxy, as `show info` tells. */
export interface RunningHaproxy {
  /** The process that answers: another one after each reload. */
  readonly pid: number;
  /** `description` in its configuration: the structure that it runs. */
  readonly description: string;
}

/** A server in a running HAProxy. */
export interface RunningServer {
  readonly host: string;
  readonly port: number;
  /** Whether it gets new requests only from clients that stay with it. */
  readonly isDraining: boolean;
  readonly isInMaintenance: boolean;
}

/** By the names of backends, then of servers. */
export type RunningServers = ReadonlyMap<string, ReadonlyMap<string, RunningServer>>;

/** HAProxy did not answer in time, or not in a form that is known. */
export class RuntimeApiError extends Error {
  override readonly name = 'RuntimeApiError';
  readonly code = 'haproxy_no_answer';
}

const ANSWER_MS = 5_000;
const MOST_BYTES = 64 * 1024 * 1024;
/** Bits of srv_admin_state (HAProxy management guide, "show servers state"). */
const ADMIN = { forcedMaintenance: 1, forcedDrain: 8 } as const;

/** The Runtime API of a HAProxy, or the socket of its master. Each call is a connection of its own, as the API expects. */
export class RuntimeApi {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  /** @returns null if nothing listens. @throws RuntimeApiError */
  async info(): Promise<RunningHaproxy | null> {
    const text = await this.call('show info');
    if (text === null) return null;
    const pid = Number(/^Pid: (\d+)$/m.exec(text)?.[1]);
    if (!Number.isInteger(pid)) throw new RuntimeApiError('HAProxy gave no Pid in its answer to show info');
    return { pid, description: /^description: (.*)$/m.exec(text)?.[1] ?? '' };
  }

  /** @throws RuntimeApiError */
  async servers(): Promise<RunningServers> {
    const servers = new Map<string, Map<string, RunningServer>>();
    for (const line of ((await this.call('show servers state')) ?? '').split('\n')) {
      const fields = line.split(' ');
      const [, backend = '', , name = '', host = '', , admin = ''] = fields;
      if (line.startsWith('#') || fields.length < 19) continue;
      const bits = Number(admin);
      const ofBackend = servers.get(backend) ?? new Map<string, RunningServer>();
      servers.set(backend, ofBackend);
      ofBackend.set(name, {
        host,
        port: Number(fields[18]),
        isDraining: (bits & ADMIN.forcedDrain) !== 0,
        isInMaintenance: (bits & ADMIN.forcedMaintenance) !== 0,
      });
    }
    return servers;
  }

  /**
   * Sends one line, which may hold several commands with `;` between them.
   * @returns what HAProxy answers; null if nothing listens
   * @throws RuntimeApiError
   */
  async call(line: string): Promise<string | null> {
    const socket = connect(this.#socket);
    const limit = setTimeout(
      () => socket.destroy(new RuntimeApiError(`HAProxy did not answer within ${ANSWER_MS} ms`)),
      ANSWER_MS,
    );
    try {
      // The socket of a master keeps the connection open until the other side is done.
      socket.end(`${line}\n`);
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > MOST_BYTES) throw new RuntimeApiError(`HAProxy answered more than ${MOST_BYTES} bytes`);
      }
      return Buffer.concat(chunks).toString();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ECONNREFUSED') return null;
      if (error instanceof RuntimeApiError) throw error;
      throw new RuntimeApiError(`HAProxy broke the connection: ${code ?? 'unknown'}`, { cause: error });
    } finally {
      clearTimeout(limit);
      socket.destroy();
    }
  }
}
