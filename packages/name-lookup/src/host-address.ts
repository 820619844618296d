import { isIP } from 'node:net';

/** An IP address of a host, in the shape that `dns.lookup` returns. */
export interface HostAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** @returns null if `address` is not an IP address, or has a zone (`fe80::1%eth0`) */
export function hostAddress(address: string): HostAddress | null {
  const family = isIP(address);
  return (family === 4 || family === 6) && !address.includes('%') ? { address, family } : null;
}
