import { isIP } from 'node:net';

/**
 * The address that a name for a PTR question stands for: `4.3.2.1.in-addr.arpa` (RFC 1035, section 3.5), or 32 nibbles
 * below `ip6.arpa` (RFC 3596, section 2.5).
 * @returns IPv6 in the spelling of `canonicalAddress`; null for other names
 */
export function reversedAddress(name: string): string | null {
  const ipv4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  if (ipv4 !== null) {
    const address = ipv4.slice(1).reverse().join('.');
    return isIP(address) === 4 ? address : null;
  }
  const ipv6 = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)?.[1];
  if (ipv6 === undefined) return null;
  const nibbles = ipv6.split('.').reverse().join('');
  return canonicalAddress((nibbles.match(/.{4}/g) ?? []).join(':'));
}

/** One spelling for each address: that of RFC 5952, and IPv4 for addresses that stand for it (`::ffff:192.0.2.1`). */
export function canonicalAddress(address: string): string {
  if (isIP(address) !== 6) return address;
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short);
  if (mapped === null) return short;
  return mapped
    .slice(1)
    .flatMap((word) => [Number.parseInt(word, 16) >> 8, Number.parseInt(word, 16) & 0xff])
    .join('.');
}

/** One spelling for each host: addresses without brackets, names in lower case without a dot at their end. */
export function canonicalHost(host: string): string {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  return isIP(bare) !== 0 && !bare.includes('%')
    ? canonicalAddress(bare)
    : bare.toLowerCase().replace(/\.$/, '');
}
