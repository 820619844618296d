import type { ClaimedApp, ClaimedPort } from './claims.ts';

/** A front end that serves apps by host name. */
export interface SharedFrontEnd {
  /** The text of the template that begins it; null for a built-in one. */
  readonly template: string | null;
  readonly port: number;
}

const HOST = 'var(txn.cloud_mirror_host)';
const HOST_LINE = '  http-request set-var(txn.cloud_mirror_host) req.hdr(host),field(1,:),lower';

/** The TCP listeners in the text of a section: the address, which may be empty, and the port. */
export function boundPorts(text: string): { readonly address: string; readonly port: number }[] {
  return [...text.matchAll(/^[ \t]*bind[ \t]+(\S+)/gm)].flatMap(([, addresses = '']) =>
    addresses.split(',').flatMap((one) => {
      const [, address = '', port = ''] = /^(?:ipv[46]@)?(.*):(\d{1,5})$/.exec(one) ?? [];
      return port === '' ? [] : [{ address: address.replace(/^\[(.*)\]$/, '$1'), port: Number(port) }];
    }),
  );
}

/** The front end on `httpPort`. @param httpsPort where requests are redirected to; null if nothing listens there */
export function httpFrontEnd(
  { template, port }: SharedFrontEnd,
  apps: readonly ClaimedApp[],
  httpsPort: number,
): string[] {
  const rules = routingRules(apps);
  return [
    ...beginning(template, 'frontend cloud_mirror_http'),
    '  mode http',
    ...(binds(template, port) ? [] : [`  bind *:${port}`]),
    '  option idle-close-on-response',
    HOST_LINE,
    ...rules
      .filter(({ labels }) => labels.redirectsToHttps)
      .map((rule) => `  http-request redirect ${target(httpsPort)} code 301 if ${condition(rule)}`),
    ...rules.map((rule) => `  use_backend ${rule.name} if ${condition(rule)}`),
  ];
}

/** The front end on `httpsPort`, with the certificates of all apps that are served there. */
export function httpsFrontEnd({ template, port }: SharedFrontEnd, apps: readonly ClaimedApp[]): string[] {
  const rules = routingRules(apps);
  const certificates = [...new Set(rules.flatMap(({ labels }) => labels.certificates))].sort();
  const isBound = binds(template, port) || certificates.length === 0;
  return [
    ...beginning(template, 'frontend cloud_mirror_https'),
    '  mode http',
    ...(isBound ? [] : [`  bind *:${port} ${tlsWords(certificates, 'http')}`]),
    '  option idle-close-on-response',
    HOST_LINE,
    '  http-request set-header X-Forwarded-Proto https',
    ...rules.map((rule) => `  use_backend ${rule.name} if ${condition(rule)}`),
  ];
}

/** The words of `bind` that make it TLS. */
export function tlsWords(certificates: readonly string[], mode: 'http' | 'tcp'): string {
  const files = certificates.map((file) => `crt ${file}`).join(' ');
  return `ssl ${files}${mode === 'http' ? ' alpn h2,http/1.1' : ''}`;
}

/** The conditions for a path prefix, each of which is enough. An empty list: every path. */
export function pathConditions(path: string | null): string[] {
  return path === null ? [] : [`{ path -m str ${path} }`, `{ path -m beg ${path}/ }`];
}

function beginning(template: string | null, builtIn: string): string[] {
  return template === null ? [builtIn] : [template.trimEnd()];
}

function binds(template: string | null, port: number): boolean {
  return template !== null && boundPorts(template).some((bound) => bound.port === port);
}

/** The most specific rule first: the heaviest, then the longest path, then by id. */
function routingRules(apps: readonly ClaimedApp[]): ClaimedPort[] {
  return apps
    .flatMap(({ ports }) => ports)
    .filter(({ labels }) => labels.hosts.length > 0)
    .sort((one, other) => weightOf(other) - weightOf(one) || pathLength(other) - pathLength(one));
}

function weightOf({ labels }: ClaimedPort): number {
  return labels.weight ?? (labels.path === null ? 0 : 1);
}

function pathLength({ labels }: ClaimedPort): number {
  return labels.path?.length ?? 0;
}

function condition({ labels }: ClaimedPort): string {
  const host = `{ ${HOST} -m str ${labels.hosts.join(' ')} }`;
  const paths = pathConditions(labels.path);
  return paths.length === 0 ? host : paths.map((path) => `${host} ${path}`).join(' or ');
}

/** The host of a redirect is one that a label names, so no client can choose it. */
function target(httpsPort: number): string {
  return httpsPort === 443 ? 'scheme https' : `location https://%[${HOST}]:${httpsPort}%[pathq]`;
}
