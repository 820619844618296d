import { startHealthServer, type ProcessHealth } from '@cloud-mirror/http-service';
import { openRoutedBucket, type AdminToken, type RouterSettings } from '@cloud-mirror/mirror';
import type { Logger } from '@cloud-mirror/program';
import type { ObjectSigner } from '@cloud-mirror/routed-objects';
import type { StorageProvider } from '@cloud-mirror/storage-provider';
import type { RouteTable } from '@cloud-mirror/storage-routes';
import type { Registry } from 'prom-client';
import { Destinations } from './objects/destinations.ts';
import { Router } from './router.ts';

export interface OpenRouterParts {
  readonly settings: RouterSettings;
  readonly tokens: readonly AdminToken[];
  readonly stores: ReadonlyMap<string, StorageProvider>;
  readonly folders: { readonly publicUrl: string; readonly signer: ObjectSigner } | null;
  readonly table: () => RouteTable;
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

/** Opens a router and its health listener. */
export async function openRouter(parts: OpenRouterParts): Promise<RunningRouter> {
  const { settings, tokens, table, stores, folders, logger, registry, resources } = parts;
  const destinations = resources.use(
    new Destinations({
      stores,
      folders,
      openBucket: ({ region, ...target }) =>
        openRoutedBucket({ ...target, region: region ?? 'us-east-1' }, logger),
    }),
  );
  const router = new Router({
    settings,
    tokens,
    table,
    destinations,
    administration: (_request, response) => {
      response.writeHead(404).end();
    },
    logger,
    registry,
  });
  const address = await router.listen();
  resources.defer(() => router.drain());
  const health = (): ProcessHealth => ({ status: router.isDraining ? 'draining' : 'ok', failing: [] });
  const server =
    settings.health === null
      ? null
      : resources.use(await startHealthServer(settings.health, { health, registry, logger }));
  return { address, health: server?.address ?? null, drain: () => router.drain() };
}
