import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { HttpProblem } from './http-problem.ts';

export interface HostGateOptions {
  /** The address by which clients reach this server; null if none is configured. */
  readonly publicUrl: string | null;
  /** Further names and IP addresses by which it may be asked, without ports. */
  readonly hosts: readonly string[];
  /**
   * The host on which the server listens. Without a `publicUrl`, requests may also name it, and the address at which the
   * connection arrived.
   */
  readonly listenHost: string;
}

/** The host that a request asks for, in the normal form of WHATWG URL. */
interface AskedHost {
  readonly name: string;
  /** Empty for the default port. */
  readonly port: string;
}

/** Spellings of `Host` that are remembered as allowed. Real clients use a few; a scan must not fill the memory. */
const MOST_REMEMBERED = 64;

/**
 * Refuses requests that a web page may have caused in a browser that can reach this server:
 *
 * - requests for a host that is not ours (421): with DNS rebinding a page's own name leads to this server, and the browser
 *   takes our answers for those of the page. `localhost`, 127.0.0.0/8 and `[::1]` are always ours; ports are ignored.
 * - requests of other sites (403) to loopback, which a firewall does not see, and to hosts that are not ours.
 * - changes, and all requests to such hosts, with an `Origin` that is not ours (403).
 *
 * Other programs than browsers send neither `Sec-Fetch-Site` nor `Origin`.
 */
export class HostGate {
  readonly #named: ReadonlySet<string>;
  readonly #publicOrigin: string | null;
  readonly #listenHost: string | null;
  /** Values of `Host` that are allowed, as the clients spell them. */
  readonly #remembered = new Set<string>();

  constructor({ publicUrl, hosts, listenHost }: HostGateOptions) {
    const own = publicUrl === null ? null : new URL(publicUrl);
    this.#publicOrigin = own?.origin ?? null;
    this.#listenHost = own === null ? normalName(listenHost) : null;
    const names = hosts.map((host) => normalName(host)).filter((name) => name !== null);
    this.#named = new Set([...(own === null ? [] : [withoutDot(own.hostname)]), ...names]);
  }

  /**
   * Returns the answer to a request that must not be handled, else null.
   * @param isProbe whether the path is one that probes and scrapers call, often by an address of their own choice; it
   *   may be asked for under any host
   */
  refusalOf(request: IncomingMessage, isProbe: boolean): HttpProblem | null {
    const { headers, url = '/' } = request;
    // Nearly all requests end here.
    if (
      headers.host !== undefined &&
      this.#remembered.has(headers.host) &&
      url.charCodeAt(0) === SLASH &&
      headers['sec-fetch-site'] === undefined &&
      headers.origin === undefined
    )
      return null;
    return this.#examine(request, isProbe);
  }

  #examine(request: IncomingMessage, isProbe: boolean): HttpProblem | null {
    const { headers, url = '/' } = request;
    const ofHeader = headers.host === undefined ? null : parseHost(headers.host);
    if (headers.host !== undefined && ofHeader === null) return hostInvalid();
    // The host in an absolute-form target replaces that of the header (RFC 9112, section 3.2.2).
    const authority = /^https?:\/\/([^/?#]*)/i.exec(url)?.[1];
    const asked = authority === undefined ? ofHeader : parseHost(authority);
    if (authority !== undefined && asked === null) return hostInvalid();
    // HTTP/1.0 needs no Host. Browsers always send one.
    const isOurs = asked !== null && this.#isOurs(asked.name, request);
    if (asked !== null && !isOurs && !isProbe) return hostUnknown();
    if (isOurs && authority === undefined && this.#remembered.size < MOST_REMEMBERED)
      this.#remembered.add(headers.host ?? '');
    return this.#pageRefusal(request, asked, isOurs && !isLoopback(asked.name));
  }

  #isOurs(name: string, { socket }: IncomingMessage): boolean {
    if (isLoopback(name) || this.#named.has(name)) return true;
    if (this.#listenHost === null) return false;
    return name === this.#listenHost || name === normalName(socket.localAddress ?? '');
  }

  /** @param isPublic whether the request asks for a host of ours that other sites may link to */
  #pageRefusal(
    { headers, method = 'GET' }: IncomingMessage,
    asked: AskedHost | null,
    isPublic: boolean,
  ): HttpProblem | null {
    const site = headers['sec-fetch-site'];
    if (!isPublic && site !== undefined && !OWN_SITES.has(String(site)))
      return new HttpProblem(403, 'cross_site', 'Pages of other sites must not use a mirror on loopback.');
    const { origin } = headers;
    if (origin === undefined || (isPublic && !CHANGES.has(method))) return null;
    if (this.#isOurOrigin(origin, asked)) return null;
    return new HttpProblem(403, 'foreign_origin', 'The page that sent this request is not of this server.');
  }

  #isOurOrigin(origin: string, asked: AskedHost | null): boolean {
    if (origin === this.#publicOrigin) return true;
    const page = URL.canParse(origin) ? new URL(origin) : null;
    if (page === null || !(page.protocol in DEFAULT_PORTS)) return false;
    const name = withoutDot(page.hostname);
    // A proxy in front may change the port. On loopback, every port may be another program.
    if (this.#named.has(name) && !isLoopback(name)) return true;
    if (asked === null || asked.name !== name) return false;
    const defaultPort = DEFAULT_PORTS[page.protocol] ?? '';
    return (page.port || defaultPort) === (asked.port || defaultPort);
  }
}

const SLASH = 0x2f;
const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };
/** Values of `Sec-Fetch-Site`, unless another site's page sent the request. */
const OWN_SITES: ReadonlySet<string> = new Set(['same-origin', 'same-site', 'none']);
/** The methods that change something; CONNECT never gets here. */
const CHANGES: ReadonlySet<string> = new Set(['DELETE', 'POST', 'PUT', 'PATCH']);

/** @param name in normal form, which spells the IPv4-mapped form of 127.0.0.0/8 with hexadecimal digits */
function isLoopback(name: string): boolean {
  if (name === 'localhost' || name === '[::1]') return true;
  return (name.startsWith('127.') && isIP(name) === 4) || name.startsWith('[::ffff:7f');
}

/** A name or an IP address, and a port. Two Host headers arrive joined by a comma, which neither contains. */
const HOST = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{0,5}))?$/;

function parseHost(text: string): AskedHost | null {
  const [, host = '', port = ''] = HOST.exec(text) ?? [];
  const name = normalName(host);
  return name === null ? null : { name, port };
}

/** The host in the form of WHATWG URL, without a final dot; null if it is none. An IPv6 address may lack its brackets. */
function normalName(host: string): string | null {
  const text = isIP(host) === 6 ? `http://[${host}]/` : `http://${host}/`;
  if (host === '' || !URL.canParse(text)) return null;
  return withoutDot(new URL(text).hostname);
}

function withoutDot(name: string): string {
  return name.replace(/\.$/, '');
}

function hostInvalid(): HttpProblem {
  return new HttpProblem(
    400,
    'host_invalid',
    'The request names no host, more than one, or one that is no host.',
  );
}

function hostUnknown(): HttpProblem {
  return new HttpProblem(
    421,
    'host_unknown',
    'This server is not known by the host of the request. The operator can add the host to server.hosts.',
  );
}
