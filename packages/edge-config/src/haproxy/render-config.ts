import { createHash } from 'node:crypto';
import type { Instance } from '@cloud-mirror/registry/instance';
import { serverLine } from './app-servers.ts';
import type { RenderedServer } from './app-servers.ts';
import { claimAll } from './claims.ts';
import type { ClaimedApp, ClaimedPort } from './claims.ts';
import { publishedApps } from './published-apps.ts';
import type { AppFault, PublishedApp } from './published-apps.ts';
import { RETRY_LINES } from './retry-lines.ts';
import { addressText } from './safe-words.ts';
import { boundPorts, httpFrontEnd, httpsFrontEnd, pathConditions, tlsWords } from './shared-front-ends.ts';

export interface HaproxyConfigSettings {
  /** The path of the socket for the Runtime API. */
  readonly socket: string;
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly groups: readonly string[];
}

/** The texts of the template files, by their names. */
export type HaproxyTemplates = ReadonlyMap<string, string>;

export interface RenderedBackend {
  readonly name: string;
  readonly app: string;
  /** Whether clients stay with their server, as long as it is not in maintenance. */
  readonly isSticky: boolean;
  readonly servers: readonly RenderedServer[];
  /** Names of servers that are known and get no new requests. */
  readonly leaving: readonly string[];
}

export interface RenderedConfig {
  readonly text: string;
  /** The same for all configurations that differ in servers alone: `show info` of HAProxy has it as its description. */
  readonly structure: string;
  readonly backends: readonly RenderedBackend[];
  /** What is left out, in the order of the apps. */
  readonly faults: readonly AppFault[];
}

export const TEMPLATE_NAMES = {
  head: 'HAPROXY_HEAD',
  http: 'HAPROXY_HTTP_FRONTEND_HEAD',
  https: 'HAPROXY_HTTPS_FRONTEND_HEAD',
} as const;

/** Without `maxconn`: HAProxy takes what the limit of open files allows, and would not start with more. */
const BUILT_IN_HEAD = `global
  hard-stop-after 30m

defaults
  mode http
  timeout connect 3s
  timeout client 75s
  timeout server 75s
  timeout http-request 20s
  timeout http-keep-alive 75s`;

/**
 * Renders a whole configuration. A pure function: the same bytes on every machine for the same instances, templates and
 * settings. Every text of an instance has passed safe-words.ts or app-labels.ts.
 * @param rejected apps that HAProxy did not accept, with its reasons
 */
export function renderHaproxyConfig(
  instances: readonly Instance[],
  templates: HaproxyTemplates,
  settings: HaproxyConfigSettings,
  rejected: ReadonlyMap<string, string> = new Map(),
): RenderedConfig {
  const published = publishedApps(instances, settings.groups);
  const accepted = published.apps.filter(({ app }) => !rejected.has(app));
  const servesHttps = accepted.some(isServedByHttps) || templates.has(TEMPLATE_NAMES.https);
  const redirecting = servesHttps ? { apps: accepted, faults: [] } : withoutRedirects(accepted);
  const wanted = redirecting.apps;
  const servesHttp = wanted.some(hasHosts) || templates.has(TEMPLATE_NAMES.http);
  const sharedPorts = [
    ...(servesHttp ? [settings.httpPort] : []),
    ...(servesHttps ? [settings.httpsPort] : []),
  ];
  const claimed = claimAll(wanted, [
    ...sharedPorts.map((port) => ({ address: '*', port, owner: 'the front end of host names' })),
    ...[...templates].flatMap(([name, text]) =>
      boundPorts(text).map((bound) => ({ ...bound, owner: `the template ${name}` })),
    ),
  ]);
  const { apps } = claimed;
  const sections = [
    templates.get(TEMPLATE_NAMES.head)?.trimEnd() ?? BUILT_IN_HEAD,
    ...otherTemplates(templates),
    ...(servesHttp
      ? [httpFrontEnd(shared(templates, 'http', settings.httpPort), apps, settings.httpsPort).join('\n')]
      : []),
    ...(servesHttps ? [httpsFrontEnd(shared(templates, 'https', settings.httpsPort), apps).join('\n')] : []),
  ];
  const structured = [...sections, ...appSections(apps, false)].join('\n\n');
  const structure = createHash('sha256')
    .update(`${settings.socket}\n${structured}`)
    .digest('hex')
    .slice(0, 16);
  const [head = '', ...rest] = sections;
  return {
    text: `${[head, globalSection(settings.socket, structure), ...rest, ...appSections(apps, true)].join('\n\n')}\n`,
    structure: `cloud-mirror-${structure}`,
    backends: apps.flatMap(({ app, ports }) =>
      ports.map(({ name, labels, servers, leaving }) => ({
        name,
        app,
        isSticky: labels.isSticky,
        servers,
        leaving,
      })),
    ),
    faults: [
      ...published.faults,
      ...redirecting.faults,
      ...[...rejected].map(([app, reason]) => ({ app, reason })),
      ...claimed.faults,
    ].sort((one, other) => (one.app < other.app ? -1 : one.app > other.app ? 1 : 0)),
  };
}

/** In a section of its own after the head, so that it counts whatever the head says. */
function globalSection(socket: string, structure: string): string {
  // Without the prefix, HAProxy takes a relative path for a host.
  const path = socket.startsWith('/') ? socket : `unix@${socket}`;
  return `global
  stats socket ${path} mode 600 level admin expose-fd listeners
  description cloud-mirror-${structure}`;
}

function shared(templates: HaproxyTemplates, name: 'http' | 'https', port: number) {
  return { template: templates.get(TEMPLATE_NAMES[name]) ?? null, port };
}

function otherTemplates(templates: HaproxyTemplates): string[] {
  const known: readonly string[] = Object.values(TEMPLATE_NAMES);
  return [...templates]
    .filter(([name]) => !known.includes(name))
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([, text]) => text.trimEnd());
}

function hasHosts({ ports }: PublishedApp): boolean {
  return ports.some(({ labels }) => labels.hosts.length > 0);
}

function isServedByHttps({ ports }: PublishedApp): boolean {
  return ports.some(({ labels }) => labels.hosts.length > 0 && labels.certificates.length > 0);
}

/** Leaves out the apps that redirect to HTTPS, for a balancer that has none. */
function withoutRedirects(apps: readonly PublishedApp[]) {
  const redirects = ({ ports }: PublishedApp): boolean => ports.some(({ labels }) => labels.redirectsToHttps);
  return {
    apps: apps.filter((app) => !redirects(app)),
    faults: apps.filter(redirects).map(({ app }) => ({
      app,
      reason: `it redirects to HTTPS, which needs a label _SSL_CERT or the template ${TEMPLATE_NAMES.https}`,
    })),
  };
}

/** @param withServers false for what a change of servers leaves as it is */
function appSections(apps: readonly ClaimedApp[], withServers: boolean): string[] {
  return apps.flatMap(({ ports }) =>
    ports.flatMap((port) => [
      ...(port.listen === null ? [] : [frontEnd(port, port.listen).join('\n')]),
      [...backend(port), ...serverLines(port, withServers)].join('\n'),
    ]),
  );
}

function frontEnd(
  { name, labels }: ClaimedPort,
  { address, port }: NonNullable<ClaimedPort['listen']>,
): string[] {
  const { mode, certificates } = labels;
  const tls = certificates.length === 0 ? '' : ` ${tlsWords(certificates, mode)}`;
  const paths = pathConditions(labels.path);
  return [
    `frontend ${name}`,
    `  mode ${mode}`,
    `  bind ${addressText({ host: address, port })}${tls}`,
    ...(mode === 'http' ? ['  option idle-close-on-response'] : []),
    ...(tls !== '' && mode === 'http' ? ['  http-request set-header X-Forwarded-Proto https'] : []),
    ...(paths.length === 0 ? [] : [`  http-request return status 404 unless ${paths.join(' or ')}`]),
    `  default_backend ${name}`,
  ];
}

function backend({ name, labels }: ClaimedPort): string[] {
  const { mode, balance, isSticky } = labels;
  const isHashed = balance === 'source' || balance === 'uri';
  return [
    `backend ${name}`,
    `  mode ${mode}`,
    `  balance ${balance}`,
    // Without it the hash has a fixed number of servers, and HAProxy refuses to add one.
    ...(isHashed ? ['  hash-type consistent'] : []),
    ...(mode === 'http' ? [...RETRY_LINES, '  option forwardfor'] : ['  option redispatch', '  retries 3']),
    ...(isSticky ? ['  stick-table type ipv6 size 200k expire 30m', '  stick on src'] : []),
  ];
}

function serverLines({ servers }: ClaimedPort, withServers: boolean): string[] {
  // A name cannot be added at run time, so it belongs to the structure.
  return servers.filter(({ canBeAdded }) => withServers || !canBeAdded).map(serverLine);
}
