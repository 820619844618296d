import type { Config, MirrorParts } from '@cloud-mirror/mirror';
import { currentSigner, type ObjectSigner } from '@cloud-mirror/routed-objects';
import { folderSigning, openLiveRoutes, openRouter } from '@cloud-mirror/router';
import type { OpenRouterParts, RunningRouter } from '@cloud-mirror/router';

export interface EmbeddedRouter extends RunningRouter {
  /** Signs the addresses of objects in folders, which the front end serves. */
  readonly signer: () => ObjectSigner | null;
}

/**
 * Starts a router beside the mirror, with a route `/` to the first folder. If it cannot listen (another program may use its
 * port), the mirror works without it.
 */
export async function startEmbeddedRouter(
  parts: MirrorParts<Config>,
  audit: OpenRouterParts['audit'],
): Promise<EmbeddedRouter | null> {
  const { config, adapters, logger, registry } = parts;
  const { router: settings, server, admin, state, entries } = config;
  if (settings === null) return null;
  const folder = [...adapters.backends.values()].find(({ kind }) => kind === 'filesystem');
  const stores = new Map([...adapters.backends].map(([name, { store }]) => [name, store]));
  await using opening = new AsyncDisposableStack();
  try {
    const { routes, rules, objectKey } = await openLiveRoutes({
      settings,
      state,
      entries,
      stores: [...stores.keys()],
      defaults: folder === undefined ? {} : { '/': { store: folder.name, list: true } },
      logger,
      resources: opening,
    });
    const running = await openRouter({
      settings,
      servicePort: settings.port,
      tokens: admin.tokens,
      stores,
      folders: folderSigning(server.publicUrl, objectKey),
      routes,
      rules,
      audit,
      instances: parts.instances,
      registrySettings: config.registry,
      entries,
      environment: {},
      logger,
      registry,
      resources: opening,
    });
    parts.resources.use(opening.move());
    return { ...running, signer: currentSigner(objectKey) };
  } catch (error) {
    if ((error as { code?: unknown }).code === 'config_invalid') throw error;
    logger.warn(
      { err: error },
      'the router could not start: set another router.port, or remove the section router',
    );
    return null;
  }
}
