import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

export interface ServedHostsOptions {
  /** The address by which clients reach this server; null if none is configured. */
  readonly publicUrl: string | null;
  /** Further names and IP addresses by which clients reach it. Ports are ignored. */
  readonly hosts: readonly string[];
  /**
   * The host on which the server listens. Requests may name it, and the address at which their connection arrived. null:
   * they may name neither.
   */
  readonly listenHost: string | null;
}

/** The host that a request asks for, in the normal form of WHATWG URL. */
export interface AskedHost {
  readonly name: string;
  /** Empty for the default port. */
  readonly port: string;
}

export interface ExaminedHost {
  /** null if the request names no host, as HTTP/1.0 allows, or has the fault `invalid`. */
  readonly asked: AskedHost | null;
  /** `invalid`: the text is no host. `unknown`: another server's host. */
  readonly fault: 'invalid' | 'unknown' | null;
}

/** Spellings of `Host` that are remembered as served. Real clients use a few; a scan must not fill the memory. */
const MOST_REMEMBERED = 64;

/**
 * The hosts that clients of this server may ask for. A request for another host may come from a web page: with DNS rebinding
 * the page's own name leads to this server, and the browser takes our answers for those of the page. `localhost`,
 * 127.0.0.0/8 and `[::1]` are always served. Ports are ignored.
 */
export class ServedHosts {
  readonly #named: ReadonlySet<string>;
  readonly #listenHost: string | null;
  /** Served values of `Host`, as the clients spell them. */
  readonly #remembered = new Set<string>();

  constructor({ publicUrl, hosts, listenHost }: ServedHostsOptions) {
    const own = publicUrl === null ? [] : [new URL(publicUrl).hostname];
    this.#named = new Set([...own, ...hosts].map(normalName).filter((name) => name !== null));
    this.#listenHost = listenHost === null ? null : normalName(listenHost);
  }

  /** Whether `publicUrl` or `hosts` names this host. */
  isNamed(name: string): boolean {
    return this.#named.has(name);
  }

  /** A quick answer to most requests: whether an earlier one had the same `Host`, and it is served. */
  remembers({ headers: { host }, url = '/' }: IncomingMessage): boolean {
    return host !== undefined && this.#remembered.has(host) && url.charCodeAt(0) === SLASH;
  }

  examine(request: IncomingMessage): ExaminedHost {
    const asked = askedHost(request);
    if (asked === 'invalid') return { asked: null, fault: 'invalid' };
    // HTTP/1.0 needs no Host. Browsers always send one.
    if (asked === null) return { asked, fault: null };
    if (!this.#serves(asked.name, request)) return { asked, fault: 'unknown' };
    const { headers, url = '/' } = request;
    if (url.charCodeAt(0) === SLASH && this.#remembered.size < MOST_REMEMBERED)
      this.#remembered.add(headers.host ?? '');
    return { asked, fault: null };
  }

  #serves(name: string, { socket }: IncomingMessage): boolean {
    if (isLoopbackName(name) || this.#named.has(name)) return true;
    if (this.#listenHost === null) return false;
    return name === this.#listenHost || name === normalName(socket.localAddress ?? '');
  }
}

const SLASH = 0x2f;
const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };

/** The host in an absolute-form target, or else in `Host` (RFC 9112, section 3.2.2); null if there is none. */
export function askedHost({ headers: { host }, url = '/' }: IncomingMessage): AskedHost | 'invalid' | null {
  const ofHeader = host === undefined ? null : parseHost(host);
  const authority = /^https?:\/\/([^/?#]*)/i.exec(url)?.[1];
  if (authority === undefined || ofHeader === 'invalid') return ofHeader;
  return parseHost(authority);
}

/** Whether a server that listens on `host` can only be reached from its own machine. */
export function isLoopbackHost(host: string): boolean {
  const name = normalName(host);
  return name !== null && isLoopbackName(name);
}

/** @param name in normal form */
export function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name === '[::1]' || (name.startsWith('127.') && isIP(name) === 4);
}

/** Values of `Sec-Fetch-Site`, unless another site's page sent the request. */
const OWN_SITES: ReadonlySet<string> = new Set(['same-origin', 'same-site', 'none']);

/** Whether a browser says that a page of another site sent the request. */
export function isFromOtherSite({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  return site !== undefined && !OWN_SITES.has(String(site));
}

/** The page of an `Origin` header; null for `null` and for pages that no web server sent. */
export function pageOf(origin: string): URL | null {
  const page = URL.parse(origin);
  return page !== null && page.protocol in DEFAULT_PORTS ? page : null;
}

/** Whether a page has the host for which the request asks. The port counts: another port is another program. */
export function isPageOfHost(page: URL, asked: AskedHost | null): boolean {
  if (asked === null || asked.name !== normalName(page.hostname)) return false;
  const defaultPort = DEFAULT_PORTS[page.protocol] ?? '';
  return (page.port || defaultPort) === (asked.port || defaultPort);
}

/** A name or an IP address, and a port. Two Host headers arrive joined by a comma, which neither contains. */
const HOST = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{0,5}))?$/;

function parseHost(text: string): AskedHost | 'invalid' {
  const [, host = '', port = ''] = HOST.exec(text) ?? [];
  const name = normalName(host);
  return name === null ? 'invalid' : { name, port };
}

/**
 * The host in the form of WHATWG URL, without a final dot; null if it is none. An IPv6 address may lack its brackets. An IPv4
 * address in IPv6 form becomes IPv4, since a listener on `::` sees IPv4 clients in that form.
 */
export function normalName(host: string): string | null {
  if (host === '') return null;
  const name = URL.parse(isIP(host) === 6 ? `http://[${host}]/` : `http://${host}/`)?.hostname;
  return name === undefined ? null : (mappedIPv4(name) ?? name.replace(/\.$/, ''));
}

/** The address in `[::ffff:a01:203]` (RFC 4291, section 2.5.5.2), here 10.1.2.3. */
function mappedIPv4(name: string): string | null {
  const groups = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(name)?.slice(1);
  if (groups === undefined) return null;
  return groups
    .map((group) => Number.parseInt(group, 16))
    .flatMap((bits) => [bits >> 8, bits & 0xff])
    .join('.');
}
