import { isMapping } from '@cloud-mirror/config';
import { routeOfStored, storedRoute } from './configured-route.ts';
import type { ConfiguredRoute, ConfiguredRoutes } from './configured-route.ts';
import { normalRoutePath } from './route-path.ts';
import { storedRouteSchema } from './route-settings.ts';
import type { Sealer } from '@cloud-mirror/state-store';

/** The longest document of routes in bytes. */
export const MAX_ROUTES_BYTES = 8 * 1024 ** 2;
/** The name of the document in the StateStore. */
export const ROUTES_DOCUMENT = 'routes';

export interface StoredRoutes {
  /** Counts the replacements of all routes. Each ends the routes that other instances keep in memory only. */
  readonly generation: number;
  readonly routes: ConfiguredRoutes;
}

export const NO_ROUTES: StoredRoutes = { generation: 0, routes: new Map() };

/** @throws Error if the value is not a document of routes; the message contains no credential */
export function parseStoredRoutes(value: unknown, sealer: Sealer | null): StoredRoutes {
  const { generation, routes } = isMapping(value) ? value : {};
  if (typeof generation !== 'number' || !isMapping(routes))
    throw new Error('the document of routes has no generation or no routes');
  const parsed = new Map<string, ConfiguredRoute>();
  for (const [path, route] of Object.entries(routes)) {
    const result = storedRouteSchema.safeParse(route);
    if (!result.success || normalRoutePath(path) !== path)
      throw new Error(`the document of routes has an invalid route ${JSON.stringify(path)}`);
    parsed.set(path, routeOfStored(path, result.data, sealer));
  }
  return { generation, routes: parsed };
}

export function serializeRoutes({ generation, routes }: StoredRoutes, sealer: Sealer | null): unknown {
  const stored = [...routes.values()].map((route) => [route.path, storedRoute(route, sealer)] as const);
  return { generation, routes: Object.fromEntries(stored) };
}
