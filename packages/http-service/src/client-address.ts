import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { BoundedMemory, stringHash } from '@cloud-mirror/bounded-memory';
import ipaddr from 'ipaddr.js';
import proxyAddr from 'proxy-addr';

/** The bytes of the remembered networks: about 16,000 of them. */
const MOST_NETWORK_BYTES = 4 * 1024 * 1024;
/** What a network and its header take in memory without their characters. */
const NETWORK_BYTES = 64;
/** A longer `X-Forwarded-For` is parsed each time: a client may send headers of any length. */
const LONGEST_KEPT_HEADER = 512;

/**
 * Reads the network of a request's client, see {@link clientNetwork}. Caches recent results, because parsing the
 * addresses takes longer than the other work of a rate limit.
 * @param trustedProxies CIDRs of proxies whose entries in `X-Forwarded-For` are trusted
 */
export function clientNetworkReader(trustedProxies: readonly string[]): (request: IncomingMessage) => string {
  const addressOf = clientAddressReader(trustedProxies);
  const known = new BoundedMemory<string, string>({
    maxBytes: MOST_NETWORK_BYTES,
    bytesOf: (name, network) => NETWORK_BYTES + name.length + network.length,
    hashOf: stringHash,
  });
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

/**
 * Whether a request names its client in `X-Forwarded-For`, and nobody whom the configuration trusts has written that. Then
 * all clients behind its proxy count as one.
 * @param trustedProxies as for {@link clientNetworkReader}
 */
export function unnamedProxyReader(trustedProxies: readonly string[]): (request: IncomingMessage) => boolean {
  const isTrusted = trustedProxyReader(trustedProxies);
  return ({ headers, socket }) =>
    headers['x-forwarded-for'] !== undefined && !isTrusted(socket.remoteAddress ?? '');
}

/** Whether an address is that of a trusted proxy. */
export function trustedProxyReader(trustedProxies: readonly string[]): (address: string) => boolean {
  const isTrusted = proxyAddr.compile([...trustedProxies]);
  return (address) => isTrusted(address, 0);
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
 * What all requests of one client have in common: its IPv4 address, or the first 64 bits of its IPv6 address, because a
 * client chooses the remaining 64 bits itself (RFC 4291, section 2.5.1). Every spelling of an IPv4-mapped address
 * (`::ffff:192.0.2.1`, `::ffff:c000:201`; section 2.5.5.2) is the IPv4 address: a client must not be two clients, and all
 * mapped addresses must not be one.
 */
export function clientNetwork(address: string): string {
  if (isIP(address) !== 6) return address;
  // ipaddr.js takes `::192.0.2.1` for a mapped address, so the dots have to go first.
  const { hostname } = new URL(`http://[${address.replace(/%.*$/, '')}]`);
  const parsed = ipaddr.IPv6.parse(hostname.slice(1, -1));
  if (parsed.isIPv4MappedAddress()) return parsed.toIPv4Address().toString();
  return parsed.parts
    .slice(0, 4)
    .map((word) => word.toString(16))
    .join(':');
}

/** Some proxies add the client's port: `192.0.2.1:443`, `[2001:db8::1]:443`. */
function withoutPort(address: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(address)?.[1] ?? /^([\d.]+):\d+$/.exec(address)?.[1] ?? address;
}
