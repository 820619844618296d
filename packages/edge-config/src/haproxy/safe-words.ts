import { isIP, isIPv6 } from 'node:net';

/*
 * What may stand in a configuration of HAProxy. A text from outside is written only if it has one of these forms, none of
 * which has a space, a line end, a quote, a backslash, a $ or a #. So no text can add a word, a line or a directive.
 */

/** An address that a client or HAProxy connects to. */
export interface HostAndPort {
  /** A name or an IP address, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** The name of an app, and of sections and servers that are named after it. HAProxy allows letters, digits and `-_.:`. */
export function isSectionName(text: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/.test(text);
}

/** A DNS name, whose labels may have underscores as names of containers do. */
export function isHostName(text: string): boolean {
  return (
    text.length <= 253 &&
    /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$/.test(
      text,
    )
  );
}

/** A DNS name or an IP address that another machine can have. */
export function isServerHost(text: string): boolean {
  // A name whose last label is a number is an IPv4 address to most resolvers (WHATWG URL, section 3.5).
  if (isIP(text) !== 0) return !text.includes('%');
  return isHostName(text) && !/(?:^|\.)\d+$/.test(text);
}

/** An address to listen on: an IP address, or `*` for all. */
export function isBindAddress(text: string): boolean {
  return text === '*' || (isIP(text) !== 0 && !text.includes('%'));
}

export function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 65_535;
}

/** Reads a TCP port of 1 to 5 digits; null if it is none. */
export function parsePort(text: string): number | null {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  return isPort(port) ? port : null;
}

/** Reads `host:port` or `[IPv6]:port`; null if it is none. */
export function parseHostAndPort(text: string): HostAndPort | null {
  const at = text.lastIndexOf(':');
  const port = parsePort(text.slice(at + 1));
  const host = text.slice(0, Math.max(0, at)).replace(/^\[(.*:.*)\]$/, '$1');
  return port !== null && isServerHost(host) ? { host, port } : null;
}

/** `host:port`, with the brackets of IPv6, as `bind` and `server` take it. */
export function addressText({ host, port }: HostAndPort): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}
