import { isIP } from 'node:net';

export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** As `dns.setServers` reads it. */
export function resolverText({ address, port }: SocketAddress): string {
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}
