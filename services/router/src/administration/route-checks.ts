import { pause } from '@cloud-mirror/waiting';
import { askStore } from '@cloud-mirror/storage-routes';
import type { Route, RouteTable } from '@cloud-mirror/storage-routes';

export interface RouteChecksParts {
  readonly table: () => RouteTable;
  /** Signs a GET of a key that nobody uses. @throws Error with a public message if the route cannot be used */
  readonly signTrial: (route: Route) => Promise<string>;
}

/** For pages with many routes: `cloud-mirror routes test PATH` checks any other one. */
const MOST_CHECKED = 50;
/** How long an answer is shown. */
const KEPT_MS = 30_000;
/** How long a page waits for stores that do not answer. */
const LIMIT_MS = 2_000;

interface Checked {
  /** Of a replaced table; the routes of a new table are checked again. */
  readonly table: RouteTable;
  readonly atMs: number;
  readonly faults: Promise<ReadonlyMap<string, string>>;
}

/** Finds out for the page which routes lead to a bucket that does not exist or refuses the credentials. */
export class RouteChecks {
  readonly #parts: RouteChecksParts;
  #last: Checked | null = null;

  constructor(parts: RouteChecksParts) {
    this.#parts = parts;
  }

  /** @returns a sentence for each route that cannot be used now, by its path. Never rejects, and takes two seconds at most */
  faults(): Promise<ReadonlyMap<string, string>> {
    const table = this.#parts.table();
    const now = performance.now();
    if (this.#last === null || this.#last.table !== table || now - this.#last.atMs > KEPT_MS)
      this.#last = { table, atMs: now, faults: this.#check(table) };
    return this.#last.faults;
  }

  async #check(table: RouteTable): Promise<ReadonlyMap<string, string>> {
    const faults = new Map<string, string>();
    const ending = new AbortController();
    const checks = table.routes.slice(0, MOST_CHECKED).map(async (route) => {
      const fault = await this.#faultOf(route, ending.signal);
      if (fault !== null) faults.set(route.path, fault);
    });
    await Promise.race([Promise.all(checks), pause(LIMIT_MS, ending.signal)]);
    ending.abort();
    return new Map(faults);
  }

  async #faultOf(route: Route, signal: AbortSignal): Promise<string | null> {
    if (route.target.kind === 'unusable') return route.target.fault;
    try {
      return (await askStore(await this.#parts.signTrial(route), signal)).fault;
    } catch (error) {
      return signal.aborted ? 'the store did not answer in time' : (error as Error).message;
    }
  }
}
