import { setTimeout as sleep } from 'node:timers/promises';
import { advertisedHost, isShared } from '@cloud-mirror/mirror';
import type { RedisSettings, RegistrySettings } from '@cloud-mirror/mirror';
import { programVersion, repeatedFailureLog, type Logger } from '@cloud-mirror/program';
import { Announcer, canServe } from '@cloud-mirror/registry';
import type { Registry } from '@cloud-mirror/registry';
import type { RouterInstance as ShownInstance } from './administration/endpoints-line.ts';

/** The name of this program in the registry. */
const APP = 'router';

export interface RouterInstanceParts {
  readonly registry: Registry;
  readonly settings: RegistrySettings;
  readonly entries: RedisSettings;
  /** `http://host:port` of the listener. */
  readonly address: string;
  readonly servicePort: number;
  readonly logger: Logger;
}

/** The announcement of a router: running, then draining, then gone. */
export class RouterInstance implements AsyncDisposable {
  readonly #announcer: Announcer;
  readonly #delayMs: number;
  readonly #setDraining: () => void;

  private constructor(announcer: Announcer, delayMs: number, setDraining: () => void) {
    this.#announcer = announcer;
    this.#delayMs = delayMs;
    this.#setDraining = setDraining;
  }

  static async announce(parts: RouterInstanceParts): Promise<RouterInstance> {
    const { registry, settings, entries, address, servicePort, logger } = parts;
    const { hostname, port } = new URL(address);
    let draining = false;
    const announcer = await Announcer.start({
      registry,
      own: {
        app: APP,
        host: await advertisedHost(hostname.replace(/^\[(.*)\]$/, '$1'), settings, entries),
        ports: [{ name: 'http', port: Number(port), servicePort }],
        version: programVersion(),
        labels: settings.labels,
      },
      status: () => ({ state: draining ? 'draining' : 'running', healthy: true, why: null, load: null }),
      leaseSeconds: settings.leaseSeconds,
      onError: repeatedFailureLog(logger.child({ part: 'registry' })),
    });
    const delayMs = isShared(settings, entries) ? settings.drainDelaySeconds * 1000 : 0;
    return new RouterInstance(announcer, delayMs, () => {
      draining = true;
    });
  }

  /** Says that the router drains, and waits until balancers have noticed. The router goes on serving meanwhile. */
  async drain(): Promise<void> {
    this.#setDraining();
    await this.#announcer.announce();
    await sleep(this.#delayMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#announcer[Symbol.asyncDispose]();
  }
}

/** The routers that can serve, in the order of their start. */
export function servingRouters(registry: Registry): ShownInstance[] {
  return registry
    .list()
    .instances.filter((instance) => instance.app === APP && canServe(instance))
    .flatMap(({ host, ports: [http], app, state }) =>
      http === undefined ? [] : [{ host, port: http.port, role: app, state }],
    );
}
