import type { IncomingMessage } from 'node:http';
import type { OperatorAuth, OperatorCall, RequestContext } from '@cloud-mirror/http-service';
import type { Registry as Instances } from '@cloud-mirror/registry';
import type { Registry as Metrics } from 'prom-client';
import type { Deployments } from '../scaling/deployments.ts';
import type { FleetDriver } from '../scaling/fleet-driver.ts';
import type { EventReaders } from './event-readers.ts';

export interface RoutesParts {
  readonly registry: Instances;
  readonly driver: FleetDriver;
  readonly deployments: Deployments;
  readonly readers: EventReaders;
  readonly auth: Pick<OperatorAuth<string>, 'identify'>;
  readonly operatorCall: OperatorCall<string>;
  readonly metrics: Metrics;
  readonly isDraining: () => boolean;
  readonly clientOf: (request: IncomingMessage) => string;
  /** `http://host:port` of this server. */
  readonly address: () => string;
}

export interface Route {
  /** The name in logs and metrics. */
  readonly name: string;
  readonly method: 'get' | 'put' | 'post' | 'delete' | 'patch';
  readonly path: string;
  readonly handle: (ctx: RequestContext, parameters: { readonly id: string }) => Promise<void> | void;
}
