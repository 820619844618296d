import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from '@cloud-mirror/config';
import { programVersion, type Logger } from '@cloud-mirror/program';
import { Announcer } from '@cloud-mirror/registry';
import type { Instance, InstanceState, Registry } from '@cloud-mirror/registry';
import { advertisedHost, isShared, type RegistrySettings } from './open-registry.ts';
import { redisFailureLog } from './redis-failures.ts';
import type { RedisSettings } from './redis-settings.ts';

/** A TCP listener that clients of an app use. */
export interface Listener {
  readonly name: string;
  /** `http://host:port` */
  readonly address: string;
  /** The port that the configuration file names, which stands for the service. */
  readonly servicePort: number;
}

/** What a program tells the registry about itself. */
export interface Announcement {
  /** The name of the app: `frontend`. */
  readonly app: string;
  /** In the order of the app's labels for port 0, 1 … */
  readonly listeners: readonly Listener[];
  /** The address of `/metrics`, if it is none of the listeners. */
  readonly metrics?: string | null;
  /** The regions that it serves. An instance that serves several has none. */
  readonly regions?: readonly string[];
  /** Whether it can serve: null, or why not. May take as long as it likes. Default: it always can. */
  readonly unhealthyWhy?: () => Promise<string | null>;
  readonly load?: () => Instance['load'];
}

export interface AnnouncedProgramParts {
  readonly registry: Registry;
  readonly settings: RegistrySettings;
  readonly entries: RedisSettings;
  readonly environment: Environment;
  readonly logger: Logger;
}

/** The announcement of a program: starting, then running, then draining, then gone. */
export class AnnouncedProgram implements AsyncDisposable {
  readonly #announcer: Announcer;
  readonly #delayMs: number;
  readonly #health: LatestHealth;
  readonly #setState: (state: InstanceState) => void;

  private constructor(
    announcer: Announcer,
    health: LatestHealth,
    delayMs: number,
    setState: (state: InstanceState) => void,
  ) {
    this.#announcer = announcer;
    this.#health = health;
    this.#delayMs = delayMs;
    this.#setState = setState;
  }

  /** Announces a program as starting. A registry that cannot be reached does not stop it. */
  static async start(
    { app, listeners, metrics = null, regions = [], unhealthyWhy, load }: Announcement,
    { registry, settings, entries, environment, logger }: AnnouncedProgramParts,
  ): Promise<AnnouncedProgram> {
    let state: InstanceState = 'starting';
    const health = new LatestHealth(unhealthyWhy ?? (async () => null));
    const listening = listeners[0]?.address ?? null;
    const [only, ...others] = new Set(regions);
    const announcer = await Announcer.start({
      registry,
      own: {
        app,
        host: await advertisedHost(listening === null ? '0.0.0.0' : hostOf(listening), settings, entries),
        // A port that the configuration leaves to the system stands for itself.
        ports: listeners.map(({ name, address, servicePort }) => ({
          name,
          port: portOf(address),
          servicePort: servicePort === 0 ? portOf(address) : servicePort,
        })),
        region: settings.labels['region'] ?? (others.length === 0 ? (only ?? null) : null),
        version: programVersion(),
        labels: settings.labels,
        ...(metrics === null ? {} : { metricsPort: portOf(metrics) }),
      },
      status: () => {
        const why = health.look();
        return { state, healthy: why === null, why, load: load?.() ?? null };
      },
      leaseSeconds: settings.leaseSeconds,
      environment,
      onError: redisFailureLog(logger.child({ part: 'registry' })),
    });
    const delayMs = isShared(settings, entries) ? settings.drainDelaySeconds * 1000 : 0;
    return new AnnouncedProgram(announcer, health, delayMs, (next) => {
      state = next;
    });
  }

  get id(): string {
    return this.#announcer.id;
  }

  /** Says that the program serves. */
  async run(): Promise<void> {
    this.#setState('running');
    await Promise.race([this.#health.firstResult, sleep(FIRST_CHECK_MS, undefined, { ref: false })]);
    await this.#announcer.announce();
  }

  /** Says that the program drains, and waits until balancers have noticed. The program goes on serving meanwhile. */
  async drain(): Promise<void> {
    this.#setState('draining');
    const delay = sleep(this.#delayMs);
    await this.#announcer.announce();
    await delay;
  }

  /** Leaves the registry. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#announcer[Symbol.asyncDispose]();
  }
}

/** How long a program that serves waits for the result of its first check before it says so. */
const FIRST_CHECK_MS = 2_500;
const UNKNOWN = 'the first check has not ended yet';

/** Remembers the result of the latest health check, so that a slow check does not delay the renewal of the lease. */
class LatestHealth {
  readonly #check: () => Promise<string | null>;
  readonly #first = Promise.withResolvers<void>();
  #running = false;
  #why: string | null = UNKNOWN;

  constructor(check: () => Promise<string | null>) {
    this.#check = check;
  }

  get firstResult(): Promise<void> {
    return this.#first.promise;
  }

  /** Begins another check and returns the result of the latest one: null, or why the program cannot serve. */
  look(): string | null {
    if (!this.#running) {
      this.#running = true;
      void this.#check()
        .catch((error: unknown) => `the check failed: ${(error as Error).message}`)
        .then((why) => {
          this.#why = why;
          this.#running = false;
          this.#first.resolve();
        });
    }
    return this.#why;
  }
}

function hostOf(address: string): string {
  return new URL(address).hostname.replace(/^\[(.*)\]$/, '$1');
}

function portOf(address: string): number {
  return Number(new URL(address).port || '80');
}
