import { createHash, timingSafeEqual } from 'node:crypto';
import { HttpProblem } from './http-problem.ts';

/** @template Scope the names of the scopes */
export interface Operator<Scope extends string> {
  readonly name: string;
  readonly scopes: readonly Scope[];
}

export interface OperatorToken<Scope extends string> extends Operator<Scope> {
  /** The SHA-256 of the token in lower-case hex. */
  readonly sha256: string;
}

export interface OperatorAuthOptions {
  /** Whether a token may come as the password of Basic authentication (RFC 7617), for browsers and `curl -u`. */
  readonly acceptsBasic?: boolean;
}

const CHALLENGE = 'Bearer realm="cloud-mirror"';
/** Browsers ask for a password only if the challenge names Basic. */
const BASIC_CHALLENGE = `Basic realm="cloud-mirror", charset="UTF-8", ${CHALLENGE}`;

/** Finds out whose token a request has (RFC 6750). The configuration contains only the SHA-256 of each token. */
export class OperatorAuth<Scope extends string> {
  readonly #tokens: readonly { readonly digest: Buffer; readonly operator: Operator<Scope> }[];
  readonly #acceptsBasic: boolean;

  constructor(tokens: readonly OperatorToken<Scope>[], { acceptsBasic = false }: OperatorAuthOptions = {}) {
    this.#acceptsBasic = acceptsBasic;
    this.#tokens = tokens.map(({ name, sha256, scopes }) => ({
      digest: Buffer.from(sha256, 'hex'),
      operator: { name, scopes },
    }));
  }

  /**
   * Finds the operator whose token is in the `Authorization` header.
   * @throws HttpProblem 401 if the token is missing or unknown
   */
  identify(authorization: string | undefined): Operator<Scope> {
    const challenge = this.#acceptsBasic ? BASIC_CHALLENGE : CHALLENGE;
    const token =
      /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(authorization ?? '')?.[1] ??
      (this.#acceptsBasic ? passwordOf(authorization) : undefined);
    if (token === undefined) throw unauthorized('token_missing', 'This request requires a token.', challenge);
    const operator = this.#operatorOf(token);
    if (operator === null)
      throw unauthorized(
        'token_unknown',
        'This token is not configured.',
        `${challenge}, error="invalid_token"`,
      );
    return operator;
  }

  /** Compares with every token in constant time, so that the duration reveals nothing about the tokens. */
  #operatorOf(token: string): Operator<Scope> | null {
    const digest = createHash('sha256').update(token).digest();
    let found: Operator<Scope> | null = null;
    for (const candidate of this.#tokens)
      if (timingSafeEqual(candidate.digest, digest)) found = candidate.operator;
    return found;
  }
}

/** @throws HttpProblem 403 if the operator's token lacks the scope */
export function requireScope<Scope extends string>(operator: Operator<Scope>, scope: Scope): void {
  if (operator.scopes.includes(scope)) return;
  throw new HttpProblem(403, 'insufficient_scope', `This request requires a token with the scope ${scope}.`, {
    headers: { 'WWW-Authenticate': `${CHALLENGE}, error="insufficient_scope", scope="${scope}"` },
  });
}

/** The password of Basic authentication; any user name will do. */
function passwordOf(authorization = ''): string | undefined {
  const pair = /^Basic +([A-Za-z0-9+/_-]+=*) *$/i.exec(authorization)?.[1];
  return pair === undefined ? undefined : /^[^:]*:(.+)$/s.exec(Buffer.from(pair, 'base64').toString())?.[1];
}

function unauthorized(code: string, detail: string, challenge: string): HttpProblem {
  return new HttpProblem(401, code, detail, { headers: { 'WWW-Authenticate': challenge } });
}
