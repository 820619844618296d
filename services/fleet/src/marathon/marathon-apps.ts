import { appsOf, type Instance, type InstancePort } from '@cloud-mirror/registry';

/** A task in the shape of Marathon's API. */
export interface MarathonTask {
  readonly appId: string;
  readonly id: string;
  readonly slaveId: string;
  readonly host: string;
  readonly ipAddresses: readonly { readonly ipAddress: string; readonly protocol: string }[];
  readonly ports: readonly number[];
  readonly servicePorts: readonly number[];
  readonly state: string;
  readonly stagedAt: string;
  readonly startedAt: string;
  readonly version: string;
  readonly healthCheckResults: readonly { readonly taskId: string; readonly alive: boolean }[];
}

/** An app in the shape of Marathon's API. */
export interface MarathonApp {
  readonly id: string;
  readonly instances: number;
  readonly tasks: readonly MarathonTask[];
  readonly [member: string]: unknown;
}

const STATES = { starting: 'TASK_STAGING', running: 'TASK_RUNNING', draining: 'TASK_KILLING' } as const;

/**
 * All apps that have instances, or that a driver manages.
 * @param wanted the number of instances that the driver should run, by app
 */
export function marathonApps(
  instances: readonly Instance[],
  wanted: ReadonlyMap<string, number>,
): MarathonApp[] {
  const running = appsOf(instances);
  const names = new Set(running.map(({ name }) => name));
  const idle = [...wanted.keys()].filter((name) => !names.has(name));
  const none = idle.map((name) => ({ name, labels: {}, ports: [], instances: [] as readonly Instance[] }));
  return [...running, ...none]
    .sort((one, other) => (one.name < other.name ? -1 : 1))
    .map(({ name, labels, ports, instances: members }) => {
      const tasks = members.map(marathonTask);
      const live = members.filter(({ state }) => state !== 'draining');
      const healthy = live.filter((instance) => instance.healthy).length;
      const servicePorts = ports.map(({ servicePort }) => servicePort);
      return {
        id: `/${name}`,
        instances: wanted.get(name) ?? live.length,
        labels,
        ports: servicePorts,
        portDefinitions: ports.map((one) => ({
          port: one.servicePort,
          protocol: 'tcp',
          name: one.name,
          labels: {},
        })),
        networks: [{ mode: 'host' }],
        // Tools look at the results of tasks only if the app has a check.
        healthChecks: healthChecks(ports),
        constraints: [],
        dependencies: [],
        env: {},
        version:
          members
            .map(({ startedAt }) => startedAt)
            .sort()
            .at(-1) ?? new Date(0).toISOString(),
        tasksStaged: live.filter(({ state }) => state === 'starting').length,
        tasksRunning: live.filter(({ state }) => state === 'running').length,
        tasksHealthy: healthy,
        tasksUnhealthy: live.length - healthy,
        deployments: [],
        tasks,
      };
    });
}

/** Complete, because marathon-lb reads every member. A port that is not named `http` may speak anything. */
function healthChecks([first]: readonly InstancePort[]): readonly object[] {
  if (first === undefined) return [];
  const how =
    first.name === 'http' ? { protocol: 'HTTP', path: '/', ignoreHttp1xx: false } : { protocol: 'TCP' };
  return [
    {
      ...how,
      portIndex: 0,
      gracePeriodSeconds: 10,
      intervalSeconds: 5,
      timeoutSeconds: 3,
      maxConsecutiveFailures: 3,
    },
  ];
}

export function marathonTask(instance: Instance): MarathonTask {
  const { app, id, node, host, ports, state, startedAt, healthy } = instance;
  return {
    appId: `/${app}`,
    id,
    slaveId: node,
    host,
    ipAddresses: [{ ipAddress: host, protocol: host.includes(':') ? 'IPv6' : 'IPv4' }],
    ports: ports.map(({ port }) => port),
    servicePorts: ports.map(({ servicePort }) => servicePort),
    state: STATES[state],
    stagedAt: startedAt,
    startedAt,
    version: startedAt,
    healthCheckResults: [{ taskId: id, alive: healthy }],
  };
}
