import type { Instance } from '@cloud-mirror/registry/instance';

/** A running instance of one port, 8080 by its service. */
export function instanceOf(
  changes: Partial<Instance> & { readonly app: string; readonly id: string },
): Instance {
  return {
    node: 'n',
    host: '127.0.0.1',
    ports: [{ name: 'http', port: 31_000, servicePort: 8080 }],
    region: null,
    version: '0.2.0',
    startedAt: '2026-01-01T00:00:00.000Z',
    state: 'running',
    healthy: true,
    why: null,
    labels: { HAPROXY_GROUP: 'external' },
    load: null,
    ...changes,
  };
}

export const SETTINGS = { socket: 'data/haproxy.sock', httpPort: 80, httpsPort: 443, groups: [] };

/** The lines of one section of a configuration, without its first. */
export function sectionOf(text: string, head: string): string[] {
  const block = text.split(/\n\n(?=\S)/).find((section) => section.trimEnd().split('\n')[0] === head);
  if (block === undefined) throw new Error(`no section ${head} in:\n${text}`);
  return block
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.trim());
}
