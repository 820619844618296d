import type { Instance, RegistryChange } from '@cloud-mirror/registry';
import { marathonTask } from './marathon-apps.ts';

export interface MarathonEvent {
  readonly eventType: string;
  readonly [member: string]: unknown;
}

/** Tells the changes of a registry as Marathon's events. */
export class MarathonEvents {
  readonly #known: Map<string, Instance>;

  /** @param instances those at the revision before the first change */
  constructor(instances: readonly Instance[]) {
    this.#known = new Map(instances.map((instance) => [instance.id, instance]));
  }

  /** @returns null if the reader has to begin again */
  of(change: RegistryChange): readonly MarathonEvent[] | null {
    switch (change.kind) {
      case 'reset':
        return null;
      case 'event':
        return deploymentEvents(change.event);
      case 'down':
        this.#known.delete(change.instance.id);
        return [statusUpdate(change.instance, endState(change.instance))];
      case 'up':
      case 'changed': {
        const { instance } = change;
        const before = this.#known.get(instance.id);
        this.#known.set(instance.id, instance);
        return changeEvents(before, instance);
      }
    }
  }
}

function changeEvents(before: Instance | undefined, instance: Instance): MarathonEvent[] {
  const isSameTask =
    before !== undefined &&
    before.state === instance.state &&
    before.host === instance.host &&
    JSON.stringify(before.ports) === JSON.stringify(instance.ports);
  const events = isSameTask ? [] : [statusUpdate(instance, marathonTask(instance).state)];
  const isHealthNews = before === undefined ? instance.healthy : before.healthy !== instance.healthy;
  if (isHealthNews) events.push(healthChange(instance));
  // Labels and the like.
  if (events.length === 0) events.push({ eventType: 'app_updated_event', appId: `/${instance.app}` });
  return events;
}

function endState({ state }: Instance): string {
  return state === 'draining' ? 'TASK_KILLED' : 'TASK_LOST';
}

function statusUpdate(instance: Instance, taskStatus: string): MarathonEvent {
  const { appId, id, slaveId, host, ipAddresses, ports, version } = marathonTask(instance);
  return {
    eventType: 'status_update_event',
    slaveId,
    taskId: id,
    taskStatus,
    message: instance.why ?? '',
    appId,
    host,
    ipAddresses,
    ports,
    version,
  };
}

function healthChange({ app, id, startedAt, healthy }: Instance): MarathonEvent {
  return {
    eventType: 'health_status_changed_event',
    appId: `/${app}`,
    taskId: id,
    instanceId: id,
    version: startedAt,
    alive: healthy,
  };
}

function deploymentEvents(event: Extract<RegistryChange, { kind: 'event' }>['event']): MarathonEvent[] {
  const { type, app, to, reason, deploymentId } = event;
  const plan = {
    id: deploymentId,
    steps: [{ actions: [{ action: 'ScaleApplication', app: `/${app}` }] }],
    affectedAppIds: [`/${app}`],
  };
  switch (type) {
    case 'scaled':
      return [{ eventType: 'app_scaled_event', appId: `/${app}`, instances: to }];
    case 'deployment_started':
      return [{ eventType: 'deployment_info', plan, currentStep: plan.steps[0] }];
    case 'deployment_succeeded':
      return [{ eventType: 'deployment_success', id: deploymentId, plan }];
    case 'deployment_failed':
      return [{ eventType: 'deployment_failed', id: deploymentId, plan, reason }];
  }
}
