import { byStart } from '@cloud-mirror/registry/instance';
import type { Instance } from '@cloud-mirror/registry/instance';
import { hasHaproxyLabels, LabelError, NO_PORT_LABELS, readAppLabels } from './app-labels.ts';
import type { PortLabels } from './app-labels.ts';
import { addressFault, appServers } from './app-servers.ts';
import type { AppServers } from './app-servers.ts';
import { isSectionName } from './safe-words.ts';
import { shownText } from './shown-text.ts';

/** An app, or an instance of it, that is left out. */
export interface AppFault {
  readonly app: string;
  /** What is wrong, and how to mend it. */
  readonly reason: string;
}

/** A port of an app that is published. */
export interface PublishedPort extends AppServers {
  /** The name of its front end and of its backend. */
  readonly name: string;
  readonly servicePort: number;
  readonly labels: PortLabels;
}

export interface PublishedApp {
  readonly app: string;
  readonly ports: readonly PublishedPort[];
}

/**
 * The apps that labels publish, in the order of their ids, and what is left out.
 * @param groups if not empty, only apps with one of these in their label `HAPROXY_GROUP`
 */
export function publishedApps(
  instances: readonly Instance[],
  groups: readonly string[],
): { readonly apps: readonly PublishedApp[]; readonly faults: readonly AppFault[] } {
  const faults: AppFault[] = [];
  const apps: PublishedApp[] = [];
  const named = Object.entries(Object.groupBy(instances, ({ app }) => app));
  for (const [app, ofApp = []] of named.sort(([one], [other]) => (one < other ? -1 : 1))) {
    const deciding = decidingInstance(ofApp);
    if (deciding === null || !hasHaproxyLabels(deciding.labels)) continue;
    try {
      const usable = ofApp.filter((instance) => {
        const fault = addressFault(instance);
        if (fault !== null)
          faults.push({ app, reason: `the instance ${shownText(instance.id)} is left out: ${fault}` });
        return fault === null;
      });
      const ports = publishedPorts(deciding, usable, groups);
      if (ports.length > 0) apps.push({ app, ports });
    } catch (error) {
      if (!(error instanceof LabelError)) throw error;
      faults.push({ app, reason: error.message });
    }
  }
  return { apps, faults };
}

/** The instance whose labels and service ports count: the newest start, then the smallest id. */
function decidingInstance(instances: readonly Instance[]): Instance | null {
  const newest = instances.reduce((time, { startedAt }) => (startedAt > time ? startedAt : time), '');
  return instances.filter(({ startedAt }) => startedAt === newest).sort(byStart)[0] ?? null;
}

/** @throws LabelError */
function publishedPorts(
  { app, labels, ports }: Instance,
  instances: readonly Instance[],
  groups: readonly string[],
): PublishedPort[] {
  if (!isSectionName(app)) throw new LabelError('its name must have letters, digits and -_. only');
  const read = readAppLabels(labels);
  if (groups.length > 0 && !read.groups.some((group) => groups.includes(group))) return [];
  for (const n of read.ports.keys())
    if (n >= ports.length)
      throw new LabelError(`it has labels HAPROXY_${n}_… and only ${ports.length} ports`);
  return ports.flatMap(({ servicePort }, n) => {
    const own = read.ports.get(n) ?? (read.groups.length > 0 ? NO_PORT_LABELS : null);
    if (own?.enabled !== true) return [];
    return [{ name: `${app}_${n}`, servicePort, labels: own, ...appServers(instances, n) }];
  });
}
