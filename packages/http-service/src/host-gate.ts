import type { IncomingMessage } from 'node:http';
import { HttpProblem } from './http-problem.ts';
import {
  isFromOtherSite,
  isLoopbackName,
  isPageOfHost,
  normalName,
  pageOf,
  ServedHosts,
} from './served-hosts.ts';
import type { AskedHost } from './served-hosts.ts';

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

/**
 * Refuses requests that a web page may have caused in a browser that can reach this server:
 *
 * - requests for a host that is not ours (421), see `ServedHosts`.
 * - requests of other sites (403) to loopback, which a firewall does not see, and to hosts that are not ours.
 * - changes, and all requests to such hosts, with an `Origin` that is not ours (403).
 *
 * Other programs than browsers send neither `Sec-Fetch-Site` nor `Origin`.
 */
export class HostGate {
  readonly #hosts: ServedHosts;
  readonly #publicOrigin: string | null;

  constructor({ publicUrl, hosts, listenHost }: HostGateOptions) {
    this.#hosts = new ServedHosts({ publicUrl, hosts, listenHost: publicUrl === null ? listenHost : null });
    this.#publicOrigin = publicUrl === null ? null : new URL(publicUrl).origin;
  }

  /**
   * Returns the answer to a request that must not be handled, else null.
   * @param isProbe whether the path is one that probes and scrapers call, often by an address of their own choice; it
   *   may be asked for under any host
   */
  refusalOf(request: IncomingMessage, isProbe: boolean): HttpProblem | null {
    const { headers } = request;
    // Nearly all requests end here.
    if (
      this.#hosts.remembers(request) &&
      headers['sec-fetch-site'] === undefined &&
      headers.origin === undefined
    )
      return null;
    const { asked, fault } = this.#hosts.examine(request);
    if (fault === 'invalid') return hostInvalid();
    if (fault === 'unknown' && !isProbe) return hostUnknown();
    const isPublic = fault === null && asked !== null && !isLoopbackName(asked.name);
    return this.#pageRefusal(request, asked, isPublic);
  }

  /** @param isPublic whether the request asks for a host of ours that other sites may link to */
  #pageRefusal(request: IncomingMessage, asked: AskedHost | null, isPublic: boolean): HttpProblem | null {
    if (!isPublic && isFromOtherSite(request))
      return new HttpProblem(403, 'cross_site', 'Pages of other sites must not use a mirror on loopback.');
    const { headers, method = 'GET' } = request;
    const { origin } = headers;
    if (origin === undefined || (isPublic && !CHANGES.has(method))) return null;
    if (this.#isOurOrigin(origin, asked)) return null;
    return new HttpProblem(403, 'foreign_origin', 'The page that sent this request is not of this server.');
  }

  #isOurOrigin(origin: string, asked: AskedHost | null): boolean {
    const page = pageOf(origin);
    if (page === null) return false;
    if (page.origin === this.#publicOrigin || isPageOfHost(page, asked)) return true;
    // A proxy in front may change the port. On loopback, every port may be another program.
    const name = normalName(page.hostname);
    return name !== null && this.#hosts.isNamed(name) && !isLoopbackName(name);
  }
}

/** The methods that change something; CONNECT never gets here. */
const CHANGES: ReadonlySet<string> = new Set(['DELETE', 'POST', 'PUT', 'PATCH']);

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
