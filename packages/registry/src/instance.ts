/** A listener of an instance. */
export interface InstancePort {
  /** `http` */
  readonly name: string;
  /** The TCP port that is really bound. */
  readonly port: number;
  /** The port that the configuration file names, which stands for the service. */
  readonly servicePort: number;
}

/** The environment variable by which a supervisor gives a program the id of its instance. */
export const INSTANCE_ID_VARIABLE = 'CLOUD_MIRROR_INSTANCE_ID';

/** How busy an instance is. Members that an app does not have are null. */
export interface InstanceLoad {
  readonly requestsPerSecond: number | null;
  readonly waiting: number | null;
  readonly copies: number | null;
  readonly slotsFree: number | null;
}

export type InstanceState = 'starting' | 'running' | 'draining';

/** One run of a program. */
export interface Instance {
  /** A ULID, new with each start, so that the order of ids is the order of starts. */
  readonly id: string;
  /** `frontend`, `copier`, `router` … */
  readonly app: string;
  /** The name of the machine. */
  readonly node: string;
  /** How others reach it: a name or an IP address. */
  readonly host: string;
  /** In the order of the app's labels for port 0, 1 … */
  readonly ports: readonly InstancePort[];
  readonly region: string | null;
  readonly version: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly state: InstanceState;
  readonly healthy: boolean;
  /** Why it is not healthy. */
  readonly why: string | null;
  readonly labels: Readonly<Record<string, string>>;
  /** Changes of the load have no revision and no event. */
  readonly load: InstanceLoad | null;
  /** The TCP port of `/metrics`, if it is none of `ports`. */
  readonly metricsPort?: number;
}

/** Whether requests may be sent to an instance. */
export function canServe({ state, healthy }: Instance): boolean {
  return state === 'running' && healthy;
}

/** In the order of their start. */
export function byStart(one: Instance, other: Instance): number {
  if (one.startedAt !== other.startedAt) return one.startedAt < other.startedAt ? -1 : 1;
  return one.id < other.id ? -1 : 1;
}

/** The text by which changes are told. It has no load. */
export function changeText({ load: _, ...instance }: Instance): string {
  return JSON.stringify(instance);
}
