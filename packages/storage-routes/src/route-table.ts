import type { Route } from './route.ts';

export interface RouteMatch {
  readonly route: Route;
  /** The route's prefix in its normal form; the same as `route.path`. */
  readonly prefix: string;
  /** What follows the prefix and its slash. It may be empty, and it may begin with a slash. */
  readonly key: string;
}

/**
 * Finds the route with the deepest prefix of a path. Immutable.
 *
 * One map by prefix, asked once for each number of segments that some route has. A tree of segments took ten times as long
 * for 10,000 routes, because nearly every step missed the processor's cache.
 */
export class RouteTable {
  readonly routes: readonly Route[];
  readonly #byPath = new Map<string, Route>();
  readonly #root: Route | null;
  /** The numbers of segments of prefixes besides `/`, the largest first. */
  readonly #depths: readonly number[];

  /** @param routes each with another `path`. If two have the same, the later one wins. */
  constructor(routes: readonly Route[]) {
    this.routes = routes;
    for (const route of routes) this.#byPath.set(route.path, route);
    this.#root = this.#byPath.get('/') ?? null;
    this.#byPath.delete('/');
    const depths = new Set([...this.#byPath.keys()].map((path) => path.split('/').length - 1));
    this.#depths = [...depths].sort((one, other) => other - one);
  }

  get size(): number {
    return this.routes.length;
  }

  /**
   * @param path decoded, with its first slash. Empty segments belong to the key: `/a//b` below the route `/a` has the key
   *   `/b`.
   * @returns undefined if no route has a prefix of the path
   */
  match(path: string): RouteMatch | undefined {
    const ends = segmentEnds(path, this.#depths[0] ?? 0);
    for (const depth of this.#depths) {
      const end = ends[depth - 1];
      const route = end === undefined ? undefined : this.#byPath.get(path.slice(0, end));
      if (route !== undefined && end !== undefined)
        return { route, prefix: route.path, key: path.slice(end + 1) };
    }
    return this.#root === null ? undefined : { route: this.#root, prefix: '/', key: path.slice(1) };
  }
}

/** Where the first segments of a path end, `most` of them at most. */
function segmentEnds(path: string, most: number): number[] {
  const ends: number[] = [];
  let at = 0;
  while (ends.length < most && at < path.length) {
    const slash = path.indexOf('/', at + 1);
    at = slash === -1 ? path.length : slash;
    ends.push(at);
  }
  return ends;
}
