import { isIP } from 'node:net';
import { parseEndpointLine } from './endpoint-lines.ts';
import type { EndpointLine } from './endpoint-lines.ts';
import { RETRY_LINES } from './retry-lines.ts';
import { addressText } from './safe-words.ts';

/** The sections `global` and `defaults` that rules may follow. */
export const FILTER_HEADER = `global
  daemon
  log 127.0.0.1 local0
  log 127.0.0.1 local1 notice

defaults
  log global
  mode http
  option httplog
  maxconn 2000
  timeout connect 5s
  timeout client 50s
  timeout server 50s
`;

/** Turns lines of endpoints into sections `listen`, one by one, so that no line needs to wait for the last. */
export class ListenRules {
  readonly #bind: string;
  readonly #names = new Set<string>();
  readonly #ports = new Map<number, string>();

  /** @param bind the IP address to listen on, or `*` */
  constructor(bind: string) {
    this.#bind = bind;
  }

  /** The section for a line, empty if the line is left out, and what to warn of. */
  section(text: string): { readonly text: string; readonly warnings: readonly string[] } {
    const { line, warnings } = parseEndpointLine(text);
    if (line === null) return { text: '', warnings };
    const other = this.#ports.get(line.port);
    if (other !== undefined) {
      const warning = `a line is left out: ${line.name} has port ${line.port}, which ${other} has already`;
      return { text: '', warnings: [...warnings, warning] };
    }
    const name = this.#names.has(line.name) ? `${line.name}-${line.port}` : line.name;
    this.#names.add(line.name).add(name);
    this.#ports.set(line.port, line.name);
    return { text: listenSection(name, this.#bind, line), warnings };
  }
}

function listenSection(name: string, bind: string, { port, endpoints }: EndpointLine): string {
  return [
    '',
    `listen ${name}`,
    `  bind ${addressText({ host: bind, port })}`,
    '  mode http',
    '  option httpchk GET /',
    ...RETRY_LINES,
    '  option idle-close-on-response',
    '  option forwardfor',
    '  balance leastconn',
    ...endpoints.map(
      (endpoint, index) =>
        `  server ${name}-${index + 1} ${addressText(endpoint)} check${unresolved(endpoint.host)}`,
    ),
    '',
  ].join('\n');
}

/** Lets HAProxy start although a name cannot be resolved at that moment. */
function unresolved(host: string): string {
  return isIP(host) === 0 ? ' init-addr last,libc,none' : '';
}
