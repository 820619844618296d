import { canServe, type Instance, type InstancePort } from '@cloud-mirror/registry';
import { labelOf, nameInstances } from './labels.ts';

/** A port of an instance to which requests may be sent. */
export interface Endpoint {
  readonly instance: Instance;
  readonly port: InstancePort;
}

/** The names of one app, from its instances at one time. */
export class AppNames {
  readonly label: string;
  /** Those that may be sent requests. */
  readonly serving: readonly Instance[];
  readonly endpoints: readonly Endpoint[];
  /** By label. Regions and ports whose instances cannot serve are known too. */
  readonly regions = new Map<string, Instance[]>();
  readonly ports = new Map<string, Endpoint[]>();
  /** By label: `frontend-abcde`. */
  readonly #byLabel = new Map<string, Instance>();
  readonly #labels = new Map<string, string>();

  /** @param instances of all apps with this label; those of one app get it */
  constructor(label: string, instances: readonly Instance[]) {
    this.label = label;
    const app = preferred(label, instances);
    const own = instances.filter((instance) => instance.app === app);
    this.serving = own.filter(canServe);
    this.endpoints = this.serving.flatMap((instance) => instance.ports.map((port) => ({ instance, port })));
    for (const instance of own) {
      const serves = canServe(instance);
      if (instance.region !== null) addTo(this.regions, labelOf(instance.region), serves ? [instance] : []);
      for (const port of instance.ports)
        addTo(this.ports, labelOf(port.name), serves ? [{ instance, port }] : []);
    }
    const byId = new Map(own.map((instance) => [instance.id, instance]));
    for (const [letters, id] of nameInstances([...byId.keys()])) {
      const instance = byId.get(id);
      if (instance === undefined) continue;
      this.#byLabel.set(`${label}-${letters}`, instance);
      this.#labels.set(id, `${label}-${letters}`);
    }
  }

  /** @param label `frontend-abcde` */
  instance(label: string): Instance | undefined {
    return this.#byLabel.get(label);
  }

  /** @returns `frontend-abcde` */
  labelOf({ id }: Instance): string {
    return this.#labels.get(id) ?? this.label;
  }
}

/** The app that gets a label if several want it: the one of exactly this name, else the first by name. */
function preferred(label: string, instances: readonly Instance[]): string | undefined {
  const apps = [...new Set(instances.map(({ app }) => app))].sort();
  return apps.includes(label) ? label : apps[0];
}

function addTo<Value>(map: Map<string, Value[]>, label: string, values: readonly Value[]): void {
  if (label === '') return;
  const known = map.get(label);
  if (known === undefined) map.set(label, [...values]);
  else known.push(...values);
}
