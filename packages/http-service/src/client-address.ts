import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import proxyAddr from 'proxy-addr';

/** The address of the client: `X-Forwarded-For` counts as far as it was written by `trustedProxies` (CIDRs). */
export function clientAddressReader(trustedProxies: readonly string[]): (request: IncomingMessage) => string {
  const isTrusted = proxyAddr.compile([...trustedProxies]);
  return (request) => {
    const named = withoutPort(proxyAddr(request, isTrusted) ?? '');
    // Some proxies write `unknown`, or a name, where they should write an address.
    return isIP(named) === 0 ? (request.socket.remoteAddress ?? '') : named;
  };
}

/**
 * What the requests of one client have in common: its IPv4 address, or the first 64 bits of its IPv6 address. All that
 * follows them is the client's to choose (RFC 4291, section 2.5.1).
 */
export function clientNetwork(address: string): string {
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (isIP(address) !== 6) return address;
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const before = words(head);
  const after = words(tail ?? '');
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array<string>(zeros).fill('0'), ...after]
    .slice(0, 4)
    .map((word) => Number.parseInt(word, 16).toString(16))
    .join(':');
}

/** The words of a part of an IPv6 address; an IPv4 address at its end is as long as two, and never among the first four. */
function words(part: string): string[] {
  return part === '' ? [] : part.replace(/[\d.]*\.[\d.]*$/, '0:0').split(':');
}

/** Some proxies add the client's port: `192.0.2.1:443`, `[2001:db8::1]:443`. */
function withoutPort(address: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(address)?.[1] ?? /^([\d.]+):\d+$/.exec(address)?.[1] ?? address;
}
