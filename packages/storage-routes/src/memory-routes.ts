import type { ConfiguredRoute, ConfiguredRoutes } from './configured-route.ts';
import type { StoredRoutes } from './routes-document.ts';

interface MemoryRoute {
  readonly route: ConfiguredRoute;
  /** The stored route at the same path that this one hides. */
  readonly hidden: string;
}

/**
 * Routes whose credentials cannot be sealed. They stay in the memory of this process and hide stored routes at the same
 * path, until somebody changes the stored route or replaces all routes. Immutable.
 */
export class MemoryRoutes {
  static readonly NONE = new MemoryRoutes(0, new Map());

  readonly #generation: number;
  readonly #routes: ReadonlyMap<string, MemoryRoute>;

  private constructor(generation: number, routes: ReadonlyMap<string, MemoryRoute>) {
    this.#generation = generation;
    this.#routes = routes;
  }

  static over({ generation, routes }: StoredRoutes, own: ConfiguredRoutes): MemoryRoutes {
    const hiding = [...own.values()].map(
      (route) => [route.path, { route, hidden: textOf(routes.get(route.path)) }] as const,
    );
    return new MemoryRoutes(generation, new Map(hiding));
  }

  /** The paths of the routes that are still in force over the stored ones. */
  pathsOver({ generation, routes }: StoredRoutes): string[] {
    if (generation !== this.#generation) return [];
    return [...this.#routes.values()]
      .filter(({ route, hidden }) => textOf(routes.get(route.path)) === hidden)
      .map(({ route }) => route.path);
  }

  /** The stored routes, with those of memory in their places. */
  mergedWith(stored: StoredRoutes): ConfiguredRoutes {
    const paths = this.pathsOver(stored);
    if (paths.length === 0) return stored.routes;
    const merged = new Map(stored.routes);
    for (const path of paths) {
      const own = this.#routes.get(path);
      if (own !== undefined) merged.set(path, own.route);
    }
    return merged;
  }
}

function textOf(route: ConfiguredRoute | undefined): string {
  if (route === undefined) return '';
  // The sealed text changes whenever any route of the document is sealed with another key.
  const { settings, credentials } = route;
  return JSON.stringify([settings, credentials.kind === 'open' ? credentials.value : credentials]);
}
