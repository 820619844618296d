import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { HttpProblem } from '@cloud-mirror/http-service';

const MOST_REMEMBERED = 1_000;

/**
 * Refuses requests for other hosts. A page of a stranger can make a browser send requests to a loopback address under the
 * stranger's own name (DNS rebinding); their `Host` gives them away. TCP ports are ignored.
 */
export class HostCheck {
  readonly #names: ReadonlySet<string>;
  /** Verdicts about `Host` headers, for the address at which the connection arrived. */
  readonly #known = new Map<string, boolean>();

  /** @param names the names and addresses under which clients reach this server; `localhost` is always one */
  constructor(names: readonly string[]) {
    this.#names = new Set(['localhost', ...names].map(normalHost));
  }

  /**
   * @param authority of a target in absolute form; null for a path
   * @throws HttpProblem 403; 400 if an HTTP/1.1 request has no Host (RFC 9112, section 3.2)
   */
  assert({ headers: { host }, httpVersion, socket }: IncomingMessage, authority: string | null): void {
    const arrivedAt = socket.localAddress ?? '';
    if (host === undefined) {
      if (httpVersion === '1.1')
        throw new HttpProblem(400, 'host_missing', 'The request has no Host header.');
    } else if (!this.#allows(host, arrivedAt)) throw refused();
    if (authority !== null && !this.#allows(authority, arrivedAt)) throw refused();
  }

  #allows(host: string, arrivedAt: string): boolean {
    const name = `${host} ${arrivedAt}`;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const allowed = this.#decide(normalHost(host), normalHost(arrivedAt));
    if (this.#known.size >= MOST_REMEMBERED) this.#known.clear();
    if (name.length < 512) this.#known.set(name, allowed);
    return allowed;
  }

  #decide(host: string, arrivedAt: string): boolean {
    return this.#names.has(host) || (isIP(host) !== 0 && host === arrivedAt);
  }
}

/** Without TCP port, brackets and a final dot, in lower case. IPv4 addresses in IPv6 form become IPv4. */
export function normalHost(host: string): string {
  const lower = host.trim().toLowerCase();
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(lower)?.[1];
  const bare = bracketed ?? (isIP(lower) === 6 ? lower : lower.replace(/:\d*$/, ''));
  return bare.replace(/^::ffff:(?=[\d.]+$)/, '').replace(/\.$/, '');
}

/** Whether a server that listens on `host` can only be reached from its own machine. */
export function isLoopback(host: string): boolean {
  const name = normalHost(host);
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

function refused(): HttpProblem {
  return new HttpProblem(
    403,
    'host_refused',
    'This router does not serve the host of the request: add it to router.hosts if it is one of its names.',
  );
}
