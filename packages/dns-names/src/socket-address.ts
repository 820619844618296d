import { isIP } from 'node:net';

export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

const DNS_PORT = 53;

/**
 * Reads the address of a name server: `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1`, `[2001:db8::1]:5353`.
 * @returns null if it is none
 */
export function parseResolver(text: string): SocketAddress | null {
  if (isIP(text) !== 0) return { address: text, port: DNS_PORT };
  const match = /^(?:\[([^\]]+)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(text);
  if (match === null) return null;
  const [, ipv6, ipv4, portText] = match;
  const address = ipv6 ?? ipv4 ?? '';
  const port = portText === undefined ? DNS_PORT : Number(portText);
  if (isIP(address) !== (ipv6 === undefined ? 4 : 6) || port < 1 || port > 65_535) return null;
  return { address, port };
}

/** As `dns.setServers` reads it. */
export function resolverText({ address, port }: SocketAddress): string {
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}
