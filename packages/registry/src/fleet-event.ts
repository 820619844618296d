/** What was done to the instances of an app as a whole. */
export interface FleetEvent {
  readonly type: 'scaled' | 'deployment_started' | 'deployment_succeeded' | 'deployment_failed';
  readonly app: string;
  /** The number of instances before and after. */
  readonly from: number;
  readonly to: number;
  /** Who asked for it: the name of a token, `loopback`, `autoscale`. */
  readonly by: string;
  /** Why, in words. */
  readonly reason: string | null;
  readonly deploymentId: string;
}
