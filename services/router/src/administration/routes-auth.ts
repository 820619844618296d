import { OperatorAuth } from '@cloud-mirror/http-service';
import type { Operator, OperatorToken } from '@cloud-mirror/http-service';

/** The operator's name in the audit stream while the administration is open. */
const LOCAL_OPERATOR = 'loopback';

export interface RoutesAuthSettings {
  readonly tokens: readonly OperatorToken<string>[];
  /** Whether only this machine reaches the listener. Without tokens the administration is then open. */
  readonly isLoopback: boolean;
}

/** Who may see and change the routes. */
export class RoutesAuth {
  readonly isOpen: boolean;
  readonly #auth: OperatorAuth<string>;

  constructor({ tokens, isLoopback }: RoutesAuthSettings) {
    this.isOpen = isLoopback && tokens.length === 0;
    this.#auth = new OperatorAuth(tokens, { acceptsBasic: true });
  }

  /** @throws HttpProblem 401 */
  identify(authorization: string | undefined): Operator<string> {
    if (this.isOpen) return { name: LOCAL_OPERATOR, scopes: ['routes'] };
    return this.#auth.identify(authorization);
  }
}
