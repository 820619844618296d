import { hostname } from 'node:os';
import { pause } from '@cloud-mirror/waiting';
import { isValid, ulid } from 'ulid';
import { INSTANCE_ID_VARIABLE, type Instance } from './instance.ts';
import type { Registry } from './registry.ts';

/** What a program says about itself. The rest is added when it is announced. */
export type OwnInstance = Pick<Instance, 'app' | 'host' | 'ports' | 'version' | 'labels'> &
  Partial<Pick<Instance, 'region' | 'node' | 'metricsPort'>>;

/** What changes while a program runs. */
export type InstanceStatus = Pick<Instance, 'state' | 'healthy' | 'why' | 'load'>;

export interface AnnouncerOptions {
  readonly registry: Registry;
  readonly own: OwnInstance;
  /** Read at each renewal. */
  readonly status: () => InstanceStatus;
  readonly leaseSeconds: number;
  /** The variables of the process: {@link INSTANCE_ID_VARIABLE} may give the id. Default: none. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Called when the registry cannot be reached. The program goes on. */
  readonly onError: (error: Error) => void;
}

const RENEW_MS = 1_000;

/** Keeps an instance announced from its start until it leaves. */
export class Announcer implements AsyncDisposable {
  readonly id: string;
  readonly #options: AnnouncerOptions;
  readonly #startedAt = new Date().toISOString();
  readonly #closed = new AbortController();
  #renewing: Promise<void> = Promise.resolve();

  private constructor(options: AnnouncerOptions) {
    this.#options = options;
    const given = options.environment?.[INSTANCE_ID_VARIABLE] ?? '';
    this.id = isValid(given) ? given : ulid();
  }

  /** Announces the instance once, and renews it from then on. */
  static async start(options: AnnouncerOptions): Promise<Announcer> {
    const announcer = new Announcer(options);
    await announcer.announce();
    announcer.#renewing = announcer.#renew();
    return announcer;
  }

  /** Announces the present status at once, for example that the program drains. Never rejects. */
  async announce(): Promise<void> {
    const { registry, own, status, leaseSeconds, onError } = this.#options;
    const instance: Instance = {
      id: this.id,
      node: hostname(),
      region: null,
      ...own,
      startedAt: this.#startedAt,
      ...status(),
    };
    try {
      await registry.announce(instance, leaseSeconds * 1000);
    } catch (error) {
      onError(error as Error);
    }
  }

  /** Stops renewing and leaves. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    await this.#renewing;
    await this.#options.registry.leave(this.id).catch(this.#options.onError);
  }

  async #renew(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      await pause(RENEW_MS, signal);
      if (!signal.aborted) await this.announce();
    }
  }
}
