import {
  renderHaproxyConfig,
  type AppFault,
  type HaproxyConfigSettings,
  type HaproxyTemplates,
  type RenderedConfig,
} from '@cloud-mirror/edge-config';
import type { Logger } from '@cloud-mirror/program';
import type { Registry, RegistrySnapshot } from '@cloud-mirror/registry';
import { pause } from '@cloud-mirror/waiting';
import { ConfigFile } from './config-file.ts';
import { HaproxyError, type HaproxyProcess } from './haproxy-process.ts';
import { acceptedConfig } from './rejected-apps.ts';
import { RuntimeApi, type RunningHaproxy } from './runtime-api.ts';
import { isDone, serverChanges, type ServerChange } from './server-changes.ts';
import { readTemplates } from './template-folder.ts';

export interface HaproxyAgentSettings extends HaproxyConfigSettings {
  /** The folder of templates. */
  readonly templates: string;
  readonly file: string;
  readonly start: boolean;
  readonly reloadSeconds: number;
}

export interface HaproxyAgentOptions {
  readonly settings: HaproxyAgentSettings;
  readonly haproxy: HaproxyProcess;
  readonly registry: Registry;
  /** How long an instance of this deployment may be missing from a registry that was flushed. */
  readonly leaseSeconds: number;
  readonly logger: Logger;
  readonly onEvent: (event: HaproxyEvent) => void;
}

export type HaproxyEvent = 'started' | 'reloaded' | 'written' | ServerChange['kind'] | 'failed';

/** What the agent knows, for health, metrics and the console. */
export interface HaproxyStatus {
  readonly isRunning: boolean;
  /** Why the last round did not succeed; null if it did. */
  readonly failure: string | null;
  readonly faults: readonly AppFault[];
  readonly servers: number;
}

/** HAProxy is looked at this often, and at once when the registry tells of a change. */
const LOOK_MS = 1_000;
/** Servers are compared this often even if nothing seems to have changed. */
const COMPARE_MS = 10_000;
/** Rejected apps are tried again this often: a missing certificate may be there by now. */
const RETRY_REJECTED_MS = 60_000;
const RELOAD_WAIT_MS = 20_000;
const RELOAD_LOOK_MS = 50;

/**
 * Keeps a HAProxy like the registry: the file as a whole, and the servers of the running process. HAProxy goes on with what
 * it had while the registry, the templates or this agent fail, and after this agent has ended.
 */
export class HaproxyAgent implements AsyncDisposable {
  readonly #options: HaproxyAgentOptions;
  readonly #runtime: RuntimeApi;
  readonly #file: ConfigFile;
  readonly #closed = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #wake = Promise.withResolvers<void>();
  /** Until then only additions and drains happen: the registry may not know every instance yet. */
  #holdsUntilMs: number | null = null;
  #goodTemplates: HaproxyTemplates | null = null;
  /** Inputs of the last accepted configuration. */
  #inputs = '';
  #accepted: RenderedConfig | null = null;
  #rejected: ReadonlyMap<string, string> = new Map();
  #rejectedAtMs = 0;
  #comparedAtMs = -Infinity;
  #comparedPid = 0;
  #isPending = false;
  #startedOrReloadedAtMs = -Infinity;
  /** The text that a HAProxy was asked to load whose socket cannot be reached from here. */
  #askedFor: string | null = null;
  #templateFault: string | null = null;
  /** Why HAProxy was not started or reloaded last time. */
  #followFailure: Error | null = null;
  #status: HaproxyStatus = { isRunning: false, failure: null, faults: [], servers: 0 };

  constructor(options: HaproxyAgentOptions) {
    this.#options = options;
    this.#runtime = new RuntimeApi(options.settings.socket);
    this.#file = new ConfigFile(options.settings.file);
  }

  get status(): HaproxyStatus {
    return this.#status;
  }

  /** Begins to follow the registry. */
  run(): void {
    this.#running = Promise.all([this.#watch(), this.#rounds()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    this.#wake.resolve();
    await this.#running;
  }

  async #watch(): Promise<void> {
    const { signal } = this.#closed;
    for await (const _ of this.#options.registry.watch(null, signal)) this.#wake.resolve();
  }

  async #rounds(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers<void>();
      try {
        await this.#round();
        this.#succeed();
      } catch (error) {
        this.#fail(error as Error);
      }
      const waited = new AbortController();
      const end = (): void => waited.abort();
      signal.addEventListener('abort', end, { once: true });
      await Promise.race([this.#wake.promise, pause(LOOK_MS, waited.signal)]);
      signal.removeEventListener('abort', end);
      waited.abort();
    }
  }

  async #round(): Promise<void> {
    const snapshot = this.#options.registry.list();
    // Before its first successful read, a registry has an empty list and no revision.
    if (snapshot.revision === 0 || !Number.isFinite(snapshot.ageMs)) return;
    const running = await this.#runtime.info();
    this.#status = { ...this.#status, isRunning: running !== null };
    this.#holdsUntilMs ??= running === null ? 0 : performance.now() + this.#options.leaseSeconds * 1000;
    const isHolding = performance.now() < this.#holdsUntilMs;
    const templates = await readTemplates(this.#options.settings.templates);
    const inputs = inputsText(snapshot, templates);
    const isNew = inputs !== this.#inputs;
    if (running !== null) await this.#followServers(snapshot, templates, running, isNew, isHolding);
    if (isHolding) return;
    if (isNew || this.#mustRetryRejected()) await this.#accept(snapshot, templates, inputs);
    if (this.#accepted !== null) await this.#follow(this.#accepted, running);
    if (this.#templateFault !== null) throw new HaproxyError('haproxy_refused', this.#templateFault);
  }

  /** Changes the servers of the running process first, since that takes no check and no reload. */
  async #followServers(
    snapshot: RegistrySnapshot,
    templates: HaproxyTemplates,
    running: RunningHaproxy,
    isNew: boolean,
    isHolding: boolean,
  ): Promise<void> {
    const now = performance.now();
    const isDue =
      isNew || this.#isPending || running.pid !== this.#comparedPid || now - this.#comparedAtMs > COMPARE_MS;
    if (!isDue) return;
    const { backends } = this.#render(snapshot, this.#goodTemplates ?? templates, this.#rejected);
    this.#isPending = isHolding;
    const present = await this.#runtime.servers();
    for (const backend of backends) {
      const servers = present.get(backend.name);
      if (servers === undefined) continue;
      for (const change of serverChanges(backend, servers, !isHolding)) await this.#change(change);
    }
    this.#comparedAtMs = now;
    this.#comparedPid = running.pid;
  }

  async #change(change: ServerChange): Promise<void> {
    const answer = await this.#runtime.call(change.line);
    const { logger, onEvent } = this.#options;
    if (answer !== null && isDone(change, answer)) {
      onEvent(change.kind);
      logger.info({ server: change.server, change: change.kind }, 'changed a server of HAProxy');
      return;
    }
    this.#isPending = true;
    const said = (answer ?? 'nothing').trim().replaceAll(/\s+/g, ' ').slice(0, 200);
    logger.debug(
      { server: change.server, change: change.kind, answer: said },
      'HAProxy did not change a server',
    );
  }

  /** Finds what HAProxy accepts, and writes it. */
  async #accept(snapshot: RegistrySnapshot, templates: HaproxyTemplates, inputs: string): Promise<void> {
    const { haproxy, logger, onEvent } = this.#options;
    const search = {
      render: (some: HaproxyTemplates, rejected: ReadonlyMap<string, string>) =>
        this.#render(snapshot, some, rejected),
      faultOf: async ({ text }: RenderedConfig) => {
        await this.#file.writeCandidate(text);
        return haproxy.faultOf(this.#file.candidate);
      },
    };
    const known = await this.#knownAs(search.render(templates, this.#rejectedToTry()));
    let outcome = known ?? (await acceptedConfig(search, templates, this.#rejectedToTry()));
    this.#templateFault = null;
    if ('templateFault' in outcome) {
      this.#templateFault = `the templates are left as they were: ${outcome.templateFault}`;
      const before = this.#goodTemplates;
      if (before !== null) outcome = await acceptedConfig(search, before, this.#rejectedToTry());
    } else {
      this.#goodTemplates = templates;
    }
    this.#inputs = inputs;
    if ('templateFault' in outcome) return this.#file.removeCandidate();
    if (outcome.rejected.size > 0) this.#rejectedAtMs = performance.now();
    this.#rejected = outcome.rejected;
    this.#accepted = outcome.config;
    this.#nameFaults(outcome.config);
    if ((await this.#file.read()) === outcome.config.text) return this.#file.removeCandidate();
    await this.#file.writeCandidate(outcome.config.text);
    await this.#file.acceptCandidate();
    onEvent('written');
    logger.info(
      { file: this.#file.path, structure: outcome.config.structure },
      'wrote the configuration of HAProxy',
    );
  }

  /** A file that has this text already was checked when it was written. */
  async #knownAs(config: RenderedConfig) {
    if (this.#accepted === null || (await this.#file.read()) !== config.text) return null;
    return { config, rejected: this.#rejectedToTry() };
  }

  #rejectedToTry(): ReadonlyMap<string, string> {
    return this.#mustRetryRejected() ? new Map() : this.#rejected;
  }

  #mustRetryRejected(): boolean {
    return this.#rejected.size > 0 && performance.now() - this.#rejectedAtMs > RETRY_REJECTED_MS;
  }

  /** Starts or reloads HAProxy where servers alone are not the difference. */
  async #follow(accepted: RenderedConfig, running: RunningHaproxy | null): Promise<void> {
    const { settings, haproxy, logger } = this.#options;
    const isFollowing =
      running === null
        ? !settings.start && this.#askedFor === accepted.text
        : running.description === accepted.structure;
    if (isFollowing) {
      this.#followFailure = null;
      return;
    }
    if (performance.now() - this.#startedOrReloadedAtMs < settings.reloadSeconds * 1000) {
      if (this.#followFailure !== null) throw this.#followFailure;
      return;
    }
    if (!haproxy.canReload) {
      if (this.#askedFor !== accepted.text)
        logger.warn(
          { structure: accepted.structure },
          'HAProxy must be reloaded by hand: discovery.haproxy.start is false and there is no reloadCommand',
        );
      this.#askedFor = accepted.text;
      return;
    }
    this.#startedOrReloadedAtMs = performance.now();
    try {
      await this.#startOrReload(accepted, running);
      this.#followFailure = null;
    } catch (error) {
      this.#followFailure = error as Error;
      throw error;
    }
    // The new process has the servers of the file, which may be older than what happened meanwhile.
    this.#comparedPid = 0;
    this.#wake.resolve();
  }

  async #startOrReload(accepted: RenderedConfig, running: RunningHaproxy | null): Promise<void> {
    const { settings, haproxy, logger, onEvent } = this.#options;
    if (running === null && settings.start) {
      await haproxy.start();
      onEvent('started');
      logger.info({ file: settings.file }, 'started HAProxy');
    } else {
      await haproxy.reload();
      this.#askedFor = accepted.text;
      if (running !== null) await this.#waitForStructure(accepted.structure);
      onEvent('reloaded');
      logger.info({ structure: accepted.structure }, 'reloaded HAProxy');
    }
  }

  /** @throws HaproxyError if HAProxy goes on with what it had */
  async #waitForStructure(structure: string): Promise<void> {
    const { signal } = this.#closed;
    const until = performance.now() + RELOAD_WAIT_MS;
    while (performance.now() < until && !signal.aborted) {
      const running = await this.#runtime.info();
      if (running?.description === structure) return;
      await pause(RELOAD_LOOK_MS, signal);
    }
    if (signal.aborted) return;
    throw new HaproxyError(
      'haproxy_not_reloaded',
      'HAProxy did not load the new configuration and goes on with what it had; another program may have a port of it',
    );
  }

  #render(
    { instances }: RegistrySnapshot,
    templates: HaproxyTemplates,
    rejected: ReadonlyMap<string, string>,
  ): RenderedConfig {
    return renderHaproxyConfig(instances, templates, this.#options.settings, rejected);
  }

  #nameFaults({ faults, backends }: RenderedConfig): void {
    const before = new Set(this.#status.faults.map(faultText));
    for (const fault of faults)
      if (!before.has(faultText(fault)))
        this.#options.logger.warn({ app: fault.app, reason: fault.reason }, 'left out of the load balancer');
    const servers = backends.reduce((sum, backend) => sum + backend.servers.length, 0);
    this.#status = { ...this.#status, faults, servers };
  }

  #succeed(): void {
    if (this.#status.failure !== null) this.#options.logger.info('HAProxy follows again');
    this.#status = { ...this.#status, failure: null };
  }

  #fail(error: Error): void {
    const { logger, onEvent } = this.#options;
    onEvent('failed');
    if (this.#status.failure !== error.message) logger.error({ err: error }, 'HAProxy does not follow');
    this.#status = { ...this.#status, failure: error.message };
  }
}

function faultText({ app, reason }: AppFault): string {
  return `${app}: ${reason}`;
}

function inputsText({ revision }: RegistrySnapshot, templates: HaproxyTemplates): string {
  return JSON.stringify([revision, ...templates]);
}
