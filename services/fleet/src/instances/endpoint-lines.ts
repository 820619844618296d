import { appsOf } from '@cloud-mirror/registry';
import type { Instance } from '@cloud-mirror/registry';

/**
 * One line for each app and port, as load balancers' tools read it: `frontend<TAB>8080<TAB>host:port<TAB>host:port`. Left
 * out are draining instances, and apps without a port or an instance.
 * @param end what stands after the last endpoint: Marathon writes a TAB
 */
export function endpointLines(instances: readonly Instance[], end: '' | '\t'): string {
  const staying = instances.filter(({ state }) => state !== 'draining');
  return appsOf(staying)
    .flatMap(({ name, ports, instances: members }) =>
      uniquePorts(ports.map(({ servicePort }) => servicePort)).map((servicePort) => {
        const endpoints = members.flatMap((member) => endpointsOf(member, servicePort));
        return `${[name, servicePort, ...endpoints].join('\t')}${end}\n`;
      }),
    )
    .join('');
}

function endpointsOf({ host, ports }: Instance, servicePort: number): string[] {
  return ports.filter((one) => one.servicePort === servicePort).map(({ port }) => hostAndPort(host, port));
}

function uniquePorts(ports: readonly number[]): number[] {
  return [...new Set(ports)];
}

/** A host may be an IPv6 address without brackets. */
export function hostAndPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
