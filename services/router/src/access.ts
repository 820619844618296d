import { HttpProblem, OperatorAuth, requireScope } from '@cloud-mirror/http-service';
import type { AdminToken } from '@cloud-mirror/mirror';
import type { Route } from '@cloud-mirror/storage-routes';

export type AccessKind = 'read' | 'write';

export interface AccessSettings {
  readonly tokens: readonly AdminToken[];
  readonly readers: 'open' | 'token';
  readonly writers: 'open' | 'token';
  /** Whether the router listens on a loopback address. */
  readonly isLoopback: boolean;
}

/** Decides who may read and write objects. */
export class Access {
  readonly #auth: OperatorAuth<string>;
  readonly #open: Readonly<Record<AccessKind, boolean>>;

  constructor({ tokens, readers, writers, isLoopback }: AccessSettings) {
    this.#auth = new OperatorAuth(tokens, { acceptsBasic: true });
    const ownMachine = isLoopback && tokens.length === 0;
    this.#open = { read: readers === 'open' || ownMachine, write: writers === 'open' || ownMachine };
  }

  /**
   * @param route null if no route matches
   * @returns the name of the token; null if none was needed
   * @throws HttpProblem 401 without a known token, 403 if the token may not
   */
  assert(kind: AccessKind, route: Route | null, authorization: string | undefined): string | null {
    const names = route === null ? null : kind === 'read' ? route.read : route.writeTokens;
    if (names === null && this.#open[kind]) return null;
    const client = this.#auth.identify(authorization);
    requireScope(client, kind);
    if (names !== null && !names.includes(client.name))
      throw new HttpProblem(403, 'token_refused', `This token may not ${kind} below this route.`);
    return client.name;
  }
}
