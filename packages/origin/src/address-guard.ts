import { isIP, isIPv4 } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * Special-purpose blocks of the IANA registries (iana-ipv4-special-registry and iana-ipv6-special-registry, both last
 * updated 2025-10-09) that are not globally reachable unicast, and public-looking addresses on which clouds serve their
 * platform endpoints. Update the date above together with the list.
 * The list includes blocks that the registry calls reachable but that only address services of the local network (6to4
 * relays, AS112, AMT, Teredo), because no artifact is served from there.
 */
const REFUSED_IPV4: readonly string[] = [
  '0.0.0.0/8', // this network, RFC 791
  '10.0.0.0/8', // private, RFC 1918
  '100.64.0.0/10', // shared, RFC 6598; Alibaba Cloud metadata
  '127.0.0.0/8', // loopback, RFC 1122
  '168.63.129.16/32', // Azure platform endpoint
  '169.254.0.0/16', // link-local, RFC 3927; cloud metadata
  '172.16.0.0/12', // private, RFC 1918
  '192.0.0.0/24', // IETF protocol assignments, RFC 6890
  '192.0.2.0/24', // documentation, RFC 5737
  '192.31.196.0/24', // AS112, RFC 7535
  '192.52.193.0/24', // AMT, RFC 7450
  '192.88.99.0/24', // 6to4 relay anycast, RFC 7526
  '192.168.0.0/16', // private, RFC 1918
  '192.175.48.0/24', // AS112, RFC 7534
  '198.18.0.0/15', // benchmarking, RFC 2544
  '198.51.100.0/24', // documentation, RFC 5737
  '203.0.113.0/24', // documentation, RFC 5737
  '224.0.0.0/4', // multicast, RFC 5771
  '240.0.0.0/4', // reserved, RFC 1112, and limited broadcast, RFC 919
];

/**
 * For IPv6 the guard allows 2000::/3, the only global unicast space that IANA has allocated, except these blocks. This
 * excludes mapped, compatible and translated IPv4 (RFC 4291, 2765, 6052, 8215), loopback, unique local, link-local,
 * site-local, multicast, discard-only and segment routing. An address that embeds an IPv4 address is always refused,
 * whatever that IPv4 address is.
 */
const REFUSED_IPV6: readonly string[] = [
  '2001::/23', // IETF protocol assignments, RFC 2928: Teredo, benchmarking, ORCHID, AMT, AS112, drone tags
  '2001:db8::/32', // documentation, RFC 3849
  '2002::/16', // 6to4, RFC 3056
  '2620:4f:8000::/48', // AS112, RFC 7534
  '3fff::/20', // documentation, RFC 9637
];

/**
 * Interface identifiers of ISATAP (RFC 5214, section 6.1), under any prefix. A tunnel endpoint would forward the packet
 * to the IPv4 address in the last 32 bits. The pairs are the fifth and sixth 16-bit groups of the address.
 */
const ISATAP_IDENTIFIERS: readonly (readonly [number, number])[] = [
  [0x0000, 0x5efe],
  [0x0200, 0x5efe],
];

/** Networks that a rule with `privateAddresses` allows in addition: only an operator's own networks. */
const PRIVATE_NETWORKS: readonly string[] = [
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '::1/128',
  'fc00::/7',
];

/** Endpoints inside those networks that hand out credentials without authentication; no rule allows them. */
const METADATA_ADDRESSES: readonly string[] = [
  '100.100.100.200/32', // Alibaba Cloud
  'fd00:ec2::/32', // AWS: metadata, DNS, time, container credentials
  'fd20:ce::254/128', // Google Cloud
  'fd00:c1::a9fe:a9fe/128', // Oracle Cloud
  'fd00:42::42/128', // Scaleway
];

/** Names of the clouds' metadata services, which hand out credentials to their machines; no rule allows them. */
const METADATA_HOSTS: ReadonlySet<string> = new Set([
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'metadata.azure.internal',
  'metadata.tencentyun.com',
  'metadata.packet.net',
  'metadata.platformequinix.com',
  'instance-data',
  'instance-data.ec2.internal',
  'rancher-metadata',
]);

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Block = readonly [Address, number];

const refusedIpv4 = REFUSED_IPV4.map(block);
const refusedIpv6 = REFUSED_IPV6.map(block);
const globalIpv6 = block('2000::/3');
const privateNetworks = PRIVATE_NETWORKS.map(block);
const metadataAddresses = METADATA_ADDRESSES.map(block);

/** Whether a textual IP address is globally reachable unicast. False for a text that is not an IP address. */
export function isGlobalUnicast(address: string): boolean {
  const parsed = parse(address);
  if (parsed === null) return false;
  if (parsed.kind() === 'ipv4') return !isInAny(parsed, refusedIpv4);
  return isInAny(parsed, [globalIpv6]) && !isInAny(parsed, refusedIpv6) && !isIsatap(parsed);
}

/**
 * Whether a connection may go to `address`. `privateAddresses` also allows loopback, RFC 1918, shared and unique local
 * addresses, but never link-local addresses, cloud metadata, multicast and the like.
 */
export function isAddressAllowed(address: string, privateAddresses: boolean): boolean {
  if (isGlobalUnicast(address)) return true;
  const parsed = parse(address);
  if (!privateAddresses || parsed === null) return false;
  return isInAny(parsed, privateNetworks) && !isInAny(parsed, metadataAddresses) && !isIsatap(parsed);
}

/** Whether two texts are the same IP address, in any spelling. */
export function isSameAddress(one: string, other: string): boolean {
  const [first, second] = [parse(one), parse(other)];
  return first !== null && second !== null && first.toNormalizedString() === second.toNormalizedString();
}

/** Whether `host`, in lower case as in a parsed URL, is the name of a cloud's metadata service. */
export function isMetadataHost(host: string): boolean {
  return METADATA_HOSTS.has(host.toLowerCase().replace(/\.$/, ''));
}

function parse(address: string): Address | null {
  // ipaddr.js also accepts octal, hexadecimal and short forms, which the operating system never returns. A zone
  // (`%eth0`) means link-local.
  if (isIP(address) === 0 || address.includes('%')) return null;
  return isIPv4(address) ? ipaddr.IPv4.parse(address) : ipaddr.IPv6.parse(address);
}

function isIsatap(address: Address): boolean {
  if (!('parts' in address)) return false;
  const [, , , , fifth, sixth] = address.parts;
  return ISATAP_IDENTIFIERS.some(([high, low]) => high === fifth && low === sixth);
}

function isInAny(address: Address, blocks: readonly Block[]): boolean {
  return blocks.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits));
}

function block(cidr: string): Block {
  return ipaddr.parseCIDR(cidr);
}
