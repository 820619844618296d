import type { FleetSettings } from '@cloud-mirror/mirror';
import type { Logger } from '@cloud-mirror/program';
import { canServe } from '@cloud-mirror/registry';
import type { FleetEvent, Registry } from '@cloud-mirror/registry';
import { pause } from '@cloud-mirror/waiting';
import { ulid } from 'ulid';
import { DeploymentError } from './deployment-error.ts';
import type { Deployment, FleetDocument } from './fleet-document.ts';
import type { FleetDriver } from './fleet-driver.ts';

export interface DeploymentsParts {
  readonly settings: Pick<FleetSettings, 'maxInstances' | 'deploymentSeconds'>;
  readonly registry: Registry;
  readonly document: FleetDocument;
  readonly driver: FleetDriver;
  readonly logger: Logger;
}

export interface DeploymentRequest {
  readonly app: string;
  /** The number of instances; null for a restart. */
  readonly instances: number | null;
  readonly by: string;
  readonly reason: string | null;
  /** Whether it takes the place of one that is under way. */
  readonly force: boolean;
}

/** A deployment with what it waits for. */
export interface ShownDeployment extends Deployment {
  readonly waitsFor: string;
}

interface Running {
  readonly deployment: Deployment;
  readonly ending: AbortController;
  waitsFor: string;
  done: Promise<void>;
}

const LOOK_MS = 250;
/** How long a fleet process that ended may have left its deployment in the document before others ignore it. */
const OWNER_UNKNOWN = 'carried out by another fleet process';

/** Changes of apps that are under way. Each app has one at a time. */
export class Deployments implements AsyncDisposable {
  readonly #parts: DeploymentsParts;
  readonly #running = new Map<string, Running>();
  readonly #closed = new AbortController();
  #owner = '';

  constructor(parts: DeploymentsParts) {
    this.#parts = parts;
  }

  /** @param owner the id of this process's instance */
  setOwner(owner: string): void {
    this.#owner = owner;
  }

  /**
   * Begins a deployment. It goes on after the call.
   * @throws DeploymentError if it may not begin; StateError if it cannot be recorded
   */
  async begin(request: DeploymentRequest): Promise<Deployment> {
    const { app, instances, by, reason, force } = request;
    const { driver, document } = this.#parts;
    const from = this.#requireManaged(app);
    const to = this.#requireCount(instances ?? from);
    const deployment: Deployment = {
      id: ulid(),
      app,
      kind: instances === null ? 'restart' : 'scale',
      from,
      to,
      by,
      reason,
      startedAt: new Date().toISOString(),
      owner: this.#owner,
    };
    await document.update(({ apps, deployments }) => {
      const alive = deployments.filter((one) => this.#isAlive(one));
      const locks = alive.filter((one) => one.app === app).map(({ id }) => id);
      if (locks.length > 0 && !force) throw locked(locks);
      return {
        apps: instances === null ? apps : { ...apps, [app]: { ...apps[app], instances: to } },
        deployments: [...alive.filter((one) => one.app !== app), deployment],
      };
    });
    const before = this.#running.get(app);
    before?.ending.abort(new Error(`superseded by deployment ${deployment.id}`));
    await before?.done;
    const running: Running = {
      deployment,
      ending: new AbortController(),
      waitsFor: `the driver ${driver.name}`,
      done: Promise.resolve(),
    };
    this.#running.set(app, running);
    running.done = this.#carryOut(running);
    return deployment;
  }

  /** The deployments under way, of this process and of others. */
  async list(): Promise<readonly ShownDeployment[]> {
    const own = [...this.#running.values()].map(({ deployment, waitsFor }) => ({ ...deployment, waitsFor }));
    const known = new Set(own.map(({ id }) => id));
    const { deployments } = await this.#parts.document.read();
    const others = deployments.filter((one) => !known.has(one.id) && this.#isAlive(one));
    return [...own, ...others.map((one) => ({ ...one, waitsFor: OWNER_UNKNOWN }))];
  }

  /** Stops waiting. The numbers of instances stay as they were set. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new Error('the fleet process stops'));
    await Promise.all([...this.#running.values()].map(({ done }) => done));
  }

  #requireManaged(app: string): number {
    const { driver, registry } = this.#parts;
    const wanted = driver.apps().get(app);
    if (wanted !== undefined) return wanted;
    if (!registry.list().instances.some((instance) => instance.app === app))
      throw new DeploymentError('app_unknown', `App '/${app}' does not exist`);
    const why =
      driver.name === 'none'
        ? 'The driver is none, so this fleet only reads'
        : `The driver ${driver.name} does not manage the app '/${app}'`;
    throw new DeploymentError('app_unmanaged', `${why}; ${driver.otherWay}.`);
  }

  #requireCount(count: number): number {
    const { maxInstances } = this.#parts.settings;
    if (count > maxInstances)
      throw new DeploymentError(
        'instances_invalid',
        `${count} instances are more than fleet.maxInstances (${maxInstances}) allows.`,
      );
    return count;
  }

  /** Whether the process that carries a deployment out still runs. */
  #isAlive({ id, owner }: Deployment): boolean {
    if (owner === this.#owner)
      return [...this.#running.values()].some(({ deployment }) => deployment.id === id);
    return this.#parts.registry.list().instances.some((instance) => instance.id === owner);
  }

  async #carryOut(running: Running): Promise<void> {
    const { deployment, ending } = running;
    const { settings, logger } = this.#parts;
    const { id: deploymentId, app, kind, from, to, by } = deployment;
    const limit = AbortSignal.timeout(settings.deploymentSeconds * 1000);
    const signal = AbortSignal.any([ending.signal, this.#closed.signal, limit]);
    logger.info({ deploymentId, app, from, to, operator: by }, `${kind} begun`);
    await this.#record(deployment, 'deployment_started');
    if (kind === 'scale') await this.#record(deployment, 'scaled');
    let failure: string | null = null;
    try {
      await this.#run(running, signal);
    } catch (error) {
      failure = limit.aborted
        ? `not done after ${settings.deploymentSeconds} seconds: it still waits for ${running.waitsFor}`
        : (error as Error).message;
    }
    if (failure === null) logger.info({ deploymentId, app, to }, `${kind} done`);
    else logger.warn({ deploymentId, app, to, reason: failure }, `${kind} failed`);
    await this.#record(
      failure === null ? deployment : { ...deployment, reason: failure },
      failure === null ? 'deployment_succeeded' : 'deployment_failed',
    );
    await this.#forget(running);
  }

  async #run(running: Running, signal: AbortSignal): Promise<void> {
    const { driver } = this.#parts;
    const { app, kind, to } = running.deployment;
    if (kind === 'scale') await driver.scale(app, to, signal);
    else
      await driver.restart(app, signal, (waitsFor) => {
        running.waitsFor = waitsFor;
      });
    while (true) {
      signal.throwIfAborted();
      const waitsFor = await this.#missing(app, to, signal);
      if (waitsFor === null) return;
      running.waitsFor = waitsFor;
      await pause(LOOK_MS, signal);
    }
  }

  /** @returns what the orchestrator or the registry lack until they agree on the number; null if nothing */
  async #missing(app: string, to: number, signal: AbortSignal): Promise<string | null> {
    const { driver, registry } = this.#parts;
    const { wanted, pending } = await driver.counts(app, signal);
    if (wanted !== to) return `the driver ${driver.name}, which has ${wanted} instead of ${to} instances`;
    if (pending !== null) return pending;
    const { instances } = registry.list();
    const own = instances.filter((instance) => instance.app === app && driver.owns(instance) !== false);
    const serving = own.filter(canServe);
    if (serving.length < to) {
      const why = own.find((instance) => !canServe(instance));
      const first =
        why === undefined ? '' : `; ${why.id} is ${why.state}${why.why === null ? '' : `: ${why.why}`}`;
      return `${to - serving.length} of ${to} instances to serve${first}`;
    }
    if (own.length > to) return `${own.length - to} instances to drain and leave`;
    return null;
  }

  /** Neither an outage of the registry nor one of the StateStore ends a deployment. */
  async #record(deployment: Deployment, type: FleetEvent['type']): Promise<void> {
    const { app, from, to, by, reason, id: deploymentId } = deployment;
    const event: FleetEvent = { type, app, from, to, by, reason, deploymentId };
    await this.#parts.registry.record(event).catch((error: unknown) => {
      this.#parts.logger.warn({ deploymentId, event: type, err: error }, 'an event could not be recorded');
    });
  }

  async #forget(running: Running): Promise<void> {
    const { app, id: deploymentId } = running.deployment;
    try {
      await this.#parts.document.update(({ apps, deployments }) => ({
        apps,
        deployments: deployments.filter(({ id }) => id !== deploymentId),
      }));
    } catch (error) {
      this.#parts.logger.warn({ deploymentId, err: error }, 'the end of a deployment could not be stored');
    }
    if (this.#running.get(app) === running) this.#running.delete(app);
  }
}

function locked(ids: readonly string[]): DeploymentError {
  return new DeploymentError(
    'app_locked',
    `App is locked by one or more deployments. Override with the option '?force=true'. View details at '/v2/deployments'.`,
    ids,
  );
}
