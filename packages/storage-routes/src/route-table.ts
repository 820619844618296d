import type { Route } from './route.ts';

export interface RouteMatch {
  readonly route: Route;
  /** The route's prefix in its normal form; the same as `route.path`. */
  readonly prefix: string;
  /** What follows the prefix and its slash. It may be empty, and it may begin with a slash. */
  readonly key: string;
}

interface Node {
  route: Route | null;
  readonly children: Map<string, Node>;
}

/**
 * Finds the route with the deepest prefix of a path. Immutable.
 *
 * A tree with one level for each segment: a look-up costs one step for each segment that routes and path share, however
 * many routes there are and however long the path is.
 */
export class RouteTable {
  readonly routes: readonly Route[];
  readonly #root: Node = newNode();

  /** @param routes each with another `path`. If two have the same, the later one wins. */
  constructor(routes: readonly Route[]) {
    this.routes = routes;
    for (const route of routes) {
      let node = this.#root;
      if (route.path !== '/')
        for (const segment of route.path.slice(1).split('/')) {
          const child = node.children.get(segment) ?? newNode();
          node.children.set(segment, child);
          node = child;
        }
      node.route = route;
    }
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
    let node = this.#root;
    let found = node.route;
    // Position of the first character after the slash that ends the prefix.
    let keyStart = 1;
    let start = 1;
    while (node.children.size > 0 && start <= path.length) {
      const slash = path.indexOf('/', start);
      const end = slash === -1 ? path.length : slash;
      const child = node.children.get(path.slice(start, end));
      if (child === undefined) break;
      node = child;
      start = end + 1;
      if (node.route === null) continue;
      found = node.route;
      keyStart = start;
    }
    return found === null ? undefined : { route: found, prefix: found.path, key: path.slice(keyStart) };
  }
}

function newNode(): Node {
  return { route: null, children: new Map() };
}
