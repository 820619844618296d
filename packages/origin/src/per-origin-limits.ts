import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** What one origin host may use up of this process, and this process of one origin host: `sources.perOrigin`. */
export interface PerOriginLimits {
  /** Open connections, those without a request included. */
  readonly connections: number;
  /** Requests, redirects and continuations of a broken body included; `null` for no limit. */
  readonly requestsPerSecond: number | null;
  /** Bytes of all bodies together; `null` for no limit. */
  readonly bytesPerSecond: number | null;
}

/** The defaults of `sources.perOrigin`. */
export const DEFAULT_PER_ORIGIN: PerOriginLimits = {
  connections: 64,
  requestsPerSecond: null,
  bytesPerSecond: null,
};

/**
 * The host whose limits a request to `url` counts against: name and port, in one spelling. Its http and https on the
 * default ports are one host.
 */
export function limitedHost({ hostname, port }: URL): string {
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (isIP(host) !== 6) return `${host}:${port}`;
  const address = ipaddr.IPv6.parse(host);
  return `${address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : host}:${port}`;
}
