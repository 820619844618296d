import { randomUUID } from 'node:crypto';
import type { LiveDocument } from '@cloud-mirror/state-store';
import { routeFor } from './configured-route.ts';
import type { ConfiguredRoute, ConfiguredRoutes } from './configured-route.ts';
import { MemoryRoutes } from './memory-routes.ts';
import { applyRouteChanges } from './route-changes.ts';
import type { ChangeMode, ChangeRules, RouteChange } from './route-changes.ts';
import { RouteTable } from './route-table.ts';
import type { StoredRoutes } from './routes-document.ts';
import type { Sealer } from '@cloud-mirror/state-store';

export interface LiveRoutesOptions {
  readonly document: LiveDocument<StoredRoutes>;
  /** null without `router.sealKey`: routes with credentials are then kept in memory only. */
  readonly sealer: Sealer | null;
  readonly rules: ChangeRules;
}

/** Another operator changed the routes first. */
export class RevisionMismatch extends Error {
  override readonly name = 'RevisionMismatch';
  readonly code = 'routes_changed';
  readonly retryable = false;

  constructor() {
    super('The routes have another revision: read them again.');
  }
}

export interface ChangeResult {
  readonly revision: string;
  /** The paths of this change's routes that are kept in memory only. */
  readonly inMemory: readonly string[];
}

/** The routes in force: those of the document, and those that this process keeps in memory. */
export class LiveRoutes {
  readonly #options: LiveRoutesOptions;
  #memory = MemoryRoutes.NONE;
  /** Distinguishes the revisions of this process from those of its restarts and of other instances. */
  readonly #nonce = randomUUID().slice(0, 4);
  #memoryChanges = 0;
  #configured: ConfiguredRoutes = new Map();
  #table = new RouteTable([]);
  /** Changes run one after the other: each begins with the memory routes of the one before. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: LiveRoutesOptions) {
    this.#options = options;
    options.document.onChange(() => this.#rebuild());
    this.#rebuild();
  }

  /** The look-up of paths. Another object after each change. */
  get table(): RouteTable {
    return this.#table;
  }

  get configured(): ConfiguredRoutes {
    return this.#configured;
  }

  /** Changes with the routes. Letters, digits, dots and dashes. */
  get revision(): string {
    return this.#revisionOver(this.#options.document.current.revision);
  }

  /** Why the document cannot be read; null if it can. */
  get degraded(): Error | null {
    return this.#options.document.degraded;
  }

  /** The paths of the routes that only this process has. */
  get inMemory(): readonly string[] {
    return this.#memory.pathsOver(this.#options.document.current.value);
  }

  /**
   * Changes the routes, in the store and here.
   * @param expects whether the change may apply to a revision
   * @throws RoutesFault, RevisionMismatch, StateError
   */
  change(
    changes: readonly RouteChange[],
    mode: ChangeMode,
    expects: (revision: string) => boolean = () => true,
  ): Promise<ChangeResult> {
    const result = this.#queue.then(() => this.#change(changes, mode, expects));
    this.#queue = result.catch(() => undefined);
    return result;
  }

  /** Seals all credentials with the first seal key, if some are sealed with an older one. @throws StateError */
  async reseal(): Promise<boolean> {
    const { document, sealer } = this.#options;
    if (sealer === null) return false;
    const isOld = ({ credentials }: ConfiguredRoute): boolean =>
      credentials.kind === 'open' &&
      credentials.sealed !== undefined &&
      !sealer.isCurrent(credentials.sealed);
    const before = document.current.revision;
    const after = await document.update(({ value }) =>
      [...value.routes.values()].some(isOld) ? { ...value } : value,
    );
    return after.revision !== before;
  }

  async #change(
    changes: readonly RouteChange[],
    mode: ChangeMode,
    expects: (revision: string) => boolean,
  ): Promise<ChangeResult> {
    const { document } = this.#options;
    let own = new Map<string, ConfiguredRoute>();
    const { value: stored } = await document.update(({ value, revision }) => {
      if (!expects(this.#revisionOver(revision))) throw new RevisionMismatch();
      const next = applyRouteChanges(this.#memory.mergedWith(value), changes, mode);
      own = new Map([...next].filter(([, route]) => this.#isOnlyForMemory(route)));
      return this.#storedAfter(value, next, mode);
    });
    const before = this.inMemory;
    this.#memory = MemoryRoutes.over(stored, own);
    if (own.size > 0 || before.length > 0) this.#memoryChanges += 1;
    this.#rebuild();
    return {
      revision: this.revision,
      inMemory: changes.map(({ path }) => path).filter((path) => own.has(path)),
    };
  }

  #isOnlyForMemory({ credentials }: ConfiguredRoute): boolean {
    return credentials.kind === 'open' && this.#options.sealer === null;
  }

  /** @returns `before` itself if no stored route changes */
  #storedAfter(before: StoredRoutes, next: ConfiguredRoutes, mode: ChangeMode): StoredRoutes {
    const replaced = mode === 'replace';
    const routes = new Map<string, ConfiguredRoute>();
    for (const [path, route] of next) {
      // A route in memory hides the stored one, which the other instances go on with.
      const kept = this.#isOnlyForMemory(route) ? (replaced ? undefined : before.routes.get(path)) : route;
      if (kept !== undefined) routes.set(path, kept);
    }
    const same =
      routes.size === before.routes.size &&
      [...routes].every(([path, route]) => before.routes.get(path) === route);
    if (same && !replaced) return before;
    return { generation: before.generation + (replaced ? 1 : 0), routes };
  }

  #revisionOver(revision: string): string {
    return this.#memoryChanges === 0 ? revision : `${revision}-${this.#memoryChanges}.${this.#nonce}`;
  }

  #rebuild(): void {
    const { document, rules } = this.#options;
    this.#configured = this.#memory.mergedWith(document.current.value);
    this.#table = new RouteTable(
      [...this.#configured.values()].map((route) => routeFor(route, rules.isStore)),
    );
  }
}
