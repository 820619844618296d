import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import proxyAddr from 'proxy-addr';
import { RecentlyUsed } from './recently-used.ts';

/** The number of remembered networks. Long headers count as several. */
const MOST_NETWORKS = 16_384;
const USUAL_HEADER = 64;
/** A longer `X-Forwarded-For` is parsed each time: a client may send headers of any length. */
const LONGEST_KEPT_HEADER = 512;

/**
 * Reads the network of a request's client, see {@link clientNetwork}. Caches recent results, because parsing the
 * addresses takes longer than the other work of a rate limit.
 * @param trustedProxies CIDRs of proxies whose entries in `X-Forwarded-For` are trusted
 */
export function clientNetworkReader(trustedProxies: readonly string[]): (request: IncomingMessage) => string {
  const addressOf = clientAddressReader(trustedProxies);
  const known = new RecentlyUsed<string, string>(MOST_NETWORKS, (name) =>
    Math.ceil(name.length / USUAL_HEADER),
  );
  return (request) => {
    const peer = request.socket.remoteAddress ?? '';
    const forwarded = trustedProxies.length === 0 ? undefined : request.headers['x-forwarded-for'];
    const name = forwarded === undefined ? peer : `${peer} ${String(forwarded)}`;
    const remembered = known.get(name);
    if (remembered !== undefined) return remembered;
    const network = clientNetwork(addressOf(request));
    if (name.length <= LONGEST_KEPT_HEADER) known.set(name, network);
    return network;
  };
}

/** The address of the client. Entries of `X-Forwarded-For` are used only if a trusted proxy wrote them. */
function clientAddressReader(trustedProxies: readonly string[]): (request: IncomingMessage) => string {
  const isTrusted = proxyAddr.compile([...trustedProxies]);
  return (request) => {
    const named = withoutPort(proxyAddr(request, isTrusted) ?? '');
    // Some proxies write `unknown` or a host name instead of an address.
    return isIP(named) === 0 ? (request.socket.remoteAddress ?? '') : named;
  };
}

/**
 * What all requests of one client have in common: its IPv4 address, or the first 64 bits of its IPv6 address. A client
 * chooses the remaining 64 bits itself (RFC 4291, section 2.5.1).
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

/**
 * The 16-bit groups in one half of an IPv6 address, split at `::`. An IPv4 address at the end counts as two groups; its value
 * does not matter, because it is never among the first four.
 */
function words(part: string): string[] {
  return part === '' ? [] : part.replace(/[\d.]*\.[\d.]*$/, '0:0').split(':');
}

/** Some proxies add the client's port: `192.0.2.1:443`, `[2001:db8::1]:443`. */
function withoutPort(address: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(address)?.[1] ?? /^([\d.]+):\d+$/.exec(address)?.[1] ?? address;
}
