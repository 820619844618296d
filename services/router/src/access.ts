import { createHash, timingSafeEqual } from 'node:crypto';
import { HttpProblem } from '@cloud-mirror/http-service';
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

/** Decides who may read and write objects. Tokens come as bearer tokens, or as the password of Basic authentication. */
export class Access {
  readonly #tokens: readonly { readonly digest: Buffer; readonly token: AdminToken }[];
  readonly #open: Readonly<Record<AccessKind, boolean>>;

  constructor({ tokens, readers, writers, isLoopback }: AccessSettings) {
    this.#tokens = tokens.map((token) => ({ digest: Buffer.from(token.sha256, 'hex'), token }));
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
    const { name, scopes } = this.#identify(authorization);
    if (!(scopes as readonly string[]).includes(kind))
      throw new HttpProblem(403, 'insufficient_scope', `This request needs a token with the scope ${kind}.`);
    if (names !== null && !names.includes(name))
      throw new HttpProblem(403, 'token_refused', `This token may not ${kind} below this route.`);
    return name;
  }

  #identify(authorization: string | undefined): AdminToken {
    const text = tokenOf(authorization);
    if (text === null) throw unauthorized('token_missing', 'This request needs a token.');
    const digest = createHash('sha256').update(text).digest();
    let found: AdminToken | null = null;
    for (const candidate of this.#tokens)
      if (timingSafeEqual(candidate.digest, digest)) found = candidate.token;
    if (found === null) throw unauthorized('token_unknown', 'Nobody has this token.');
    return found;
  }
}

/** The token in an `Authorization` header (RFC 6750, RFC 7617); null if there is none. */
function tokenOf(authorization = ''): string | null {
  const bearer = /^Bearer +([^\s]+) *$/i.exec(authorization)?.[1];
  if (bearer !== undefined) return bearer;
  const basic = /^Basic +([A-Za-z0-9+/_-]+=*) *$/i.exec(authorization)?.[1];
  if (basic === undefined) return null;
  const pair = Buffer.from(basic, 'base64').toString();
  const colon = pair.indexOf(':');
  return colon === -1 ? null : pair.slice(colon + 1);
}

function unauthorized(code: string, detail: string): HttpProblem {
  return new HttpProblem(401, code, detail, {
    headers: { 'WWW-Authenticate': 'Basic realm="cloud-mirror", Bearer realm="cloud-mirror"' },
  });
}
