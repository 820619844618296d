export { openDns } from './open-dns.ts';
export type { DnsParts, DnsSettings, HostRecord, RunningDns, ServiceRecord } from './open-dns.ts';
export type { Outcome, Transport } from './dns-listener.ts';
export type { SocketAddress } from './socket-address.ts';
