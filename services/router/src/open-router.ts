import {
  clientNetworkReader,
  isLoopbackHost,
  startHealthServer,
  type HealthServerParts,
  type ProcessHealth,
} from '@cloud-mirror/http-service';
import { AnnouncedProgram, failingRedis, openRoutedBucket } from '@cloud-mirror/mirror';
import type { AdminToken, RedisSettings, RegistrySettings, RouterSettings } from '@cloud-mirror/mirror';
import type { AuditTrail, Environment, Logger } from '@cloud-mirror/program';
import type { Registry as Instances } from '@cloud-mirror/registry';
import type { StorageProvider } from '@cloud-mirror/storage-provider';
import type { ChangeRules, LiveRoutes } from '@cloud-mirror/storage-routes';
import type { Registry } from 'prom-client';
import { createAdministration } from './administration/administration.ts';
import { RouteChecks } from './administration/route-checks.ts';
import { RoutesAuth } from './administration/routes-auth.ts';
import { registerStateMetrics } from './router-metrics.ts';
import { Destinations } from './objects/destinations.ts';
import type { Folders } from './objects/destinations.ts';
import { Router } from './router.ts';
import { ROUTER_APP, servingRouters } from './serving-routers.ts';

export interface OpenRouterParts {
  readonly settings: RouterSettings;
  /** The port that the configuration file names, which stands for the service; 0 for the default. */
  readonly servicePort: number;
  readonly tokens: readonly AdminToken[];
  readonly stores: ReadonlyMap<string, StorageProvider>;
  readonly folders: () => Folders | string;
  readonly routes: LiveRoutes;
  readonly rules: ChangeRules;
  readonly audit: AuditTrail;
  /** Where the router announces itself, and finds the others. */
  readonly instances: Instances;
  readonly registrySettings: RegistrySettings;
  readonly entries: RedisSettings;
  /** The variables of the process; its supervisor may give the instance an id. */
  readonly environment: Environment;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly resources: AsyncDisposableStack;
}

export interface RunningRouter {
  /** `http://host:port` */
  readonly address: string;
  /** The address of `/livez`, `/readyz` and `/metrics`; null if they are not served. */
  readonly health: string | null;
  drain(): Promise<void>;
}

/** The port that stands for routers whose file names none. */
export const DEFAULT_SERVICE_PORT = 9000;
/** Names no object that anybody would store. */
const TRIAL_KEY = '.cloud-mirror-trial';
const TRIAL_SECONDS = 10;

/** Opens a router and its health listener. */
export async function openRouter(parts: OpenRouterParts): Promise<RunningRouter> {
  const { settings, tokens, stores, folders, routes, rules, audit, instances } = parts;
  const servicePort = parts.servicePort || DEFAULT_SERVICE_PORT;
  const { logger, registry, resources } = parts;
  const destinations = resources.use(
    new Destinations({
      stores,
      folders,
      openBucket: ({ region, ...target }) =>
        openRoutedBucket({ ...target, region: region ?? 'us-east-1' }, logger),
    }),
  );
  const table = () => routes.table;
  const checks = new RouteChecks({
    table,
    signTrial: async (route) =>
      (await destinations.of(route)).sign({
        method: 'GET',
        key: route.prefix + TRIAL_KEY,
        headers: {},
        query: {},
        seconds: TRIAL_SECONDS,
      }),
  });
  const auth = new RoutesAuth({ tokens, isLoopback: isLoopbackHost(settings.host) });
  if (auth.isOpen)
    logger.warn(
      'anybody on this machine may change the routes: the router listens on loopback, and there are no admin.tokens',
    );
  registerStateMetrics(registry, routes);
  const router: Router = new Router({
    settings,
    tokens,
    table,
    destinations,
    administration: createAdministration({
      routes,
      rules,
      auth,
      audit,
      logger,
      clientOf: clientNetworkReader([]),
      publicUrl: settings.publicUrl,
      isDraining: () => router.isDraining,
      instances: () => servingRouters(instances),
      servicePort,
      checkRoutes: () => checks.faults(),
    }),
    logger,
    registry,
  });
  const address = await router.listen();
  resources.defer(() => router.drain());
  const health = (): ProcessHealth => {
    if (router.isDraining) return { status: 'draining', failing: [] };
    const instanceRegistry = failingRedis(instances.failure);
    const failing = [
      ...(routes.degraded === null ? [] : ['state']),
      ...(instanceRegistry === null ? [] : ['registry']),
    ];
    return {
      status: failing.length === 0 ? 'ok' : 'degraded',
      failing,
      ...(instanceRegistry === null ? {} : { parts: { registry: instanceRegistry } }),
    };
  };
  const server =
    settings.health === null
      ? null
      : resources.use(await startHealth(settings.health, { health, registry, logger }));
  const announced = resources.use(
    await AnnouncedProgram.start(
      {
        app: ROUTER_APP,
        listeners: [{ name: 'http', address, servicePort }],
        metrics: server?.address ?? null,
      },
      {
        registry: instances,
        settings: parts.registrySettings,
        entries: parts.entries,
        environment: parts.environment,
        logger,
      },
    ),
  );
  await announced.run();
  return {
    address,
    health: server?.address ?? null,
    async drain() {
      await announced.drain();
      await router.drain();
    },
  };
}

/**
 * Starts the health server. Several routers on one machine have the same default port, so the ones that come later take a
 * free port, which their `ready` line names.
 */
async function startHealth(
  listen: NonNullable<RouterSettings['health']>,
  parts: HealthServerParts,
): ReturnType<typeof startHealthServer> {
  try {
    return await startHealthServer(listen, parts);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'EADDRINUSE') throw error;
    const server = await startHealthServer({ ...listen, port: 0 }, parts);
    parts.logger.warn(
      { port: listen.port, health: server.address },
      'the port of router.health is in use: a free one was taken',
    );
    return server;
  }
}
