import { networkInterfaces } from 'node:os';
import type { HostAddress } from './host-address.ts';

/** Kinds of IPv6 addresses between which packets travel (RFC 6724, rules 2 and 5). */
export type Scope = 'loopback' | 'local' | 'global';

/**
 * Orders addresses for connection attempts. IPv6 comes first if this machine has an IPv6 address of the same scope, else
 * last (RFC 6724, section 6: unusable destinations are avoided). The families alternate, so that the first attempts cover
 * both even if a name has many addresses (RFC 8305, section 4).
 *
 * @param turn rotates the addresses of each family, so that connections spread over them
 * @param own the scopes of this machine's IPv6 addresses
 */
export function orderAddresses(
  addresses: readonly HostAddress[],
  turn: number,
  own: ReadonlySet<Scope> = ownScopes(),
): HostAddress[] {
  const ipv4 = rotated(
    addresses.filter(({ family }) => family === 4),
    turn,
  );
  const isUsable = ({ address, family }: HostAddress): boolean => family === 6 && own.has(scopeOf(address));
  const usable = rotated(addresses.filter(isUsable), turn);
  const unusable = addresses.filter((each) => each.family === 6 && !isUsable(each));
  const ordered: HostAddress[] = [];
  for (let at = 0; at < Math.max(usable.length, ipv4.length); at += 1) {
    for (const family of [usable, ipv4]) {
      const next = family[at];
      if (next !== undefined) ordered.push(next);
    }
  }
  return [...ordered, ...unusable];
}

function rotated(addresses: readonly HostAddress[], turn: number): readonly HostAddress[] {
  const first = addresses.length === 0 ? 0 : turn % addresses.length;
  return [...addresses.slice(first), ...addresses.slice(0, first)];
}

/** The scopes of this machine's IPv6 addresses. */
function ownScopes(): ReadonlySet<Scope> {
  const own = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return new Set(
    own.filter(({ family, scopeid }) => family === 'IPv6' && !scopeid).map(({ address }) => scopeOf(address)),
  );
}

function scopeOf(address: string): Scope {
  if (address === '::1') return 'loopback';
  return /^f[cd]/i.test(address) ? 'local' : 'global';
}
