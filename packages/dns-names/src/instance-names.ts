import { canServe, type Instance, type RegistryChange } from '@cloud-mirror/registry';
import { AppNames, type Endpoint } from './app-names.ts';
import { labelOf } from './labels.ts';
import { canonicalHost } from './reverse-name.ts';

/** What a name stands for. */
export type Named =
  | { readonly kind: 'hosts'; readonly instances: readonly Instance[] }
  | { readonly kind: 'services'; readonly endpoints: readonly Endpoint[] }
  /** There are names below it only (RFC 8020: to say that it does not exist would deny those too). */
  | { readonly kind: 'inner' };

interface App {
  readonly instances: Map<string, Instance>;
  /** null: to be made anew. */
  names: AppNames | null;
}

/**
 * Finds instances by name. A change costs no more than its own app, and names are made when they are asked for, so that
 * thousands of instances may come and go.
 */
export class InstanceNames {
  readonly #instances = new Map<string, Instance>();
  /** By label. */
  readonly #apps = new Map<string, App>();
  /** The number of instances in each region, by label. */
  readonly #regions = new Map<string, number>();
  /** Ids by host, see `canonicalHost`. */
  readonly #hosts = new Map<string, Set<string>>();

  apply(change: RegistryChange): void {
    if (change.kind === 'reset') {
      for (const id of [...this.#instances.keys()]) this.#remove(id);
      for (const instance of change.instances) this.#put(instance);
    } else if (change.kind === 'down') {
      this.#remove(change.instance.id);
    } else if (change.kind !== 'event') {
      this.#put(change.instance);
    }
  }

  get size(): number {
    return this.#instances.size;
  }

  /** @param host see `canonicalHost` */
  atHost(host: string): Instance[] {
    return [...(this.#hosts.get(host) ?? [])].flatMap((id) => this.#instances.get(id) ?? []);
  }

  /** `frontend-abcde` */
  labelOf(instance: Instance): string {
    return this.#app(labelOf(instance.app))?.labelOf(instance) ?? labelOf(instance.app);
  }

  /**
   * @param labels those before the domain, in lower case: `['_http', '_frontend', '_tcp']`
   * @returns null if there is no such name
   */
  find(labels: readonly string[]): Named | null {
    const [first, second, third] = labels;
    switch (labels.length) {
      case 1:
        return first === undefined ? null : this.#single(first);
      case 2:
        if (first === undefined || second === undefined) return null;
        return second === '_tcp' ? this.#services(null, first) : this.#inRegion(first, second);
      case 3:
        if (first === undefined || second === undefined || third !== '_tcp') return null;
        return this.#services(first, second);
      default:
        return null;
    }
  }

  #single(label: string): Named | null {
    const app = this.#app(label);
    if (app !== null) return { kind: 'hosts', instances: app.serving };
    const instance = this.#app(label.slice(0, Math.max(0, label.lastIndexOf('-'))))?.instance(label);
    if (instance !== undefined) return { kind: 'hosts', instances: canServe(instance) ? [instance] : [] };
    return this.#regions.has(label) || (label === '_tcp' && this.size > 0) ? { kind: 'inner' } : null;
  }

  #inRegion(label: string, region: string): Named | null {
    const instances = this.#app(label)?.regions.get(region);
    return instances === undefined ? null : { kind: 'hosts', instances };
  }

  /** @param port `_http`, or null for all ports */
  #services(port: string | null, label: string): Named | null {
    if (!label.startsWith('_') || (port !== null && !port.startsWith('_'))) return null;
    const app = this.#app(label.slice(1));
    if (app === null) return null;
    const endpoints = port === null ? app.endpoints : app.ports.get(port.slice(1));
    return endpoints === undefined ? null : { kind: 'services', endpoints };
  }

  #app(label: string): AppNames | null {
    const app = this.#apps.get(label);
    if (app === undefined) return null;
    app.names ??= new AppNames(label, [...app.instances.values()]);
    return app.names;
  }

  #put(instance: Instance): void {
    this.#remove(instance.id);
    this.#instances.set(instance.id, instance);
    const host = canonicalHost(instance.host);
    const ids = this.#hosts.get(host) ?? new Set();
    this.#hosts.set(host, ids.add(instance.id));
    const region = labelOf(instance.region ?? '');
    if (region !== '') this.#regions.set(region, (this.#regions.get(region) ?? 0) + 1);
    const label = labelOf(instance.app);
    if (label === '') return;
    const app = this.#apps.get(label) ?? { instances: new Map<string, Instance>(), names: null };
    app.instances.set(instance.id, instance);
    app.names = null;
    this.#apps.set(label, app);
  }

  #remove(id: string): void {
    const instance = this.#instances.get(id);
    if (instance === undefined) return;
    this.#instances.delete(id);
    const host = canonicalHost(instance.host);
    const ids = this.#hosts.get(host);
    ids?.delete(id);
    if (ids?.size === 0) this.#hosts.delete(host);
    const region = labelOf(instance.region ?? '');
    const inRegion = (this.#regions.get(region) ?? 1) - 1;
    if (inRegion > 0) this.#regions.set(region, inRegion);
    else this.#regions.delete(region);
    const label = labelOf(instance.app);
    const app = this.#apps.get(label);
    if (app === undefined) return;
    app.instances.delete(id);
    app.names = null;
    if (app.instances.size === 0) this.#apps.delete(label);
  }
}
