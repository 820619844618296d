import type { Instance } from '@cloud-mirror/registry';
import { canServe } from '@cloud-mirror/registry';
import { DriverError } from '../scaling/fleet-driver.ts';
import type { AppCounts, FleetDriver, OpenDriverParts } from '../scaling/fleet-driver.ts';
import { ManagedApp } from './managed-app.ts';

/** Runs the instances as child processes of the fleet, on this machine. */
export class ProcessDriver implements FleetDriver {
  readonly name = 'process';
  readonly otherWay = 'change fleet.process.programs in the configuration file and restart the fleet';
  readonly #apps: ReadonlyMap<string, ManagedApp>;

  private constructor(apps: ReadonlyMap<string, ManagedApp>) {
    this.#apps = apps;
  }

  /** Starts as many children as calls have asked for; for apps without a call, as many as the configuration says. */
  static async open({
    settings,
    registry,
    document,
    environment,
    logger,
  }: OpenDriverParts): Promise<ProcessDriver> {
    const stored = await document.read();
    const serves = (id: string): boolean =>
      registry.list().instances.some((instance) => instance.id === id && canServe(instance));
    const apps = new Map<string, ManagedApp>();
    for (const [name, { command, instances }] of Object.entries(settings.process.programs)) {
      const wanted = stored.apps[name]?.instances ?? instances;
      const options = { name, command, host: settings.host, wanted, environment, logger, serves };
      const app = new ManagedApp(options);
      app.scale(wanted);
      apps.set(name, app);
    }
    return new ProcessDriver(apps);
  }

  apps(): ReadonlyMap<string, number> {
    return new Map([...this.#apps].map(([name, app]) => [name, app.wanted]));
  }

  async scale(app: string, instances: number): Promise<void> {
    this.#find(app).scale(instances);
  }

  async restart(app: string, signal: AbortSignal, onProgress: (waitsFor: string) => void): Promise<void> {
    await this.#find(app).restart(signal, onProgress);
  }

  async counts(app: string): Promise<AppCounts> {
    const { wanted, pending } = this.#find(app);
    return { wanted, pending };
  }

  owns({ app, id }: Instance): boolean {
    return this.#apps.get(app)?.has(id) ?? false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#apps.values()].map((app) => app.close()));
  }

  #find(app: string): ManagedApp {
    const found = this.#apps.get(app);
    if (found === undefined) throw new DriverError(`the driver process does not manage ${app}`);
    return found;
  }
}
