import type { Config, MirrorParts } from '@cloud-mirror/mirror';
import type { ObjectSigner } from '@cloud-mirror/routed-objects';
import { openRouter, type RunningRouter } from '@cloud-mirror/router';
import { RouteTable } from '@cloud-mirror/storage-routes';

/**
 * Starts a router beside the mirror. If it cannot listen (another program may use its port), the mirror works without it.
 */
export async function startEmbeddedRouter(
  parts: MirrorParts<Config>,
  signer: ObjectSigner,
): Promise<RunningRouter | null> {
  const { config, adapters, logger } = parts;
  if (config.router === null) return null;
  const folder = [...adapters.backends.values()].find(({ kind }) => kind === 'filesystem');
  const table = new RouteTable(
    folder === undefined
      ? []
      : [
          {
            path: '/',
            target: { kind: 'store', store: folder.name },
            prefix: '',
            signedSeconds: null,
            write: 'always',
            list: true,
            read: null,
            writeTokens: null,
            mirror: null,
          },
        ],
  );
  try {
    return await openRouter({
      ...parts,
      settings: config.router,
      tokens: config.admin.tokens,
      stores: new Map([...adapters.backends].map(([name, { store }]) => [name, store])),
      folders: { publicUrl: config.server.publicUrl, signer },
      table: () => table,
    });
  } catch (error) {
    logger.warn(
      { err: error },
      'the router could not start: set another router.port, or remove the section router',
    );
    return null;
  }
}
