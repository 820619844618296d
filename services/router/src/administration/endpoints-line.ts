/** A running instance of a service, as clients reach it. */
export interface Endpoint {
  /** A name or an IP address, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** An instance of the router, for the page. */
export interface RouterInstance extends Endpoint {
  readonly role: string;
  readonly state: string;
}

/**
 * The instances of a service on one line, as load balancers' tools read it: `sssp<TAB>9000<TAB>host:port<TAB>host:port`.
 * @param servicePort the port that stands for the service as a whole
 */
export function endpointsLine(name: string, servicePort: number, endpoints: readonly Endpoint[]): string {
  return `${[name, servicePort, ...endpoints.map(hostAndPort)].join('\t')}\n`;
}

export function hostAndPort({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
