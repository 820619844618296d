import type { RedirectOutcome } from '@cloud-mirror/cache-manager';
import { HttpProblem } from '@cloud-mirror/http-service';
import { originStatusProblem } from './origin-status-problem.ts';
import type { Wait } from './wait.ts';

export interface RedirectAnswer {
  readonly status: 202 | 302;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: {
    readonly status: 'present' | 'pending' | 'error';
    readonly url: string;
    readonly message?: string;
  };
}

export interface AnswerContext {
  readonly url: URL;
  readonly wait: Wait;
  readonly redirectMaxAgeSeconds: number;
}

/** The answer to each outcome, by the table in http-api.md. Outcomes that are errors are returned as problems. */
export function redirectAnswer(
  outcome: RedirectOutcome,
  context: AnswerContext,
): RedirectAnswer | HttpProblem {
  switch (outcome.kind) {
    case 'present':
      return presentAnswer(outcome, context);
    case 'origin':
      return toOrigin(outcome, context);
    case 'accepted':
      return accepted(outcome, context);
    case 'origin_status':
      return originStatusProblem(outcome);
    case 'origin_redirects':
      return new HttpProblem(502, 'origin_redirects', outcome.message, { headers: DEPENDS_ON_PREFER });
    case 'not_allowed':
      // Only a request that waits learns the target of the origin's redirect, so the answer depends on Prefer.
      return new HttpProblem(403, 'not_allowed', outcome.message, { headers: DEPENDS_ON_PREFER });
    case 'unknown_backend':
      return unknownBackend(outcome.known);
  }
}

export function unknownBackend(known: readonly string[]): HttpProblem {
  return new HttpProblem(
    404,
    'unknown_backend',
    `There is no such service or region. Known: ${known.join(', ')}.`,
    {
      extensions: { known },
    },
  );
}

type Outcome<Kind extends RedirectOutcome['kind']> = Extract<RedirectOutcome, { kind: Kind }>;

const DEPENDS_ON_PREFER = { Vary: 'Prefer' };

/** The redirect to a copy. {@link RememberedAnswers} uses it too, so that all hits get the same response. */
export function presentAnswer(
  outcome: Outcome<'present'>,
  context: Pick<AnswerContext, 'redirectMaxAgeSeconds'>,
): RedirectAnswer {
  const { location, access, how, collapsed, sha256 } = outcome;
  const stored = `cloud-mirror; fwd=miss; stored${collapsed ? '; collapsed' : ''}`;
  return {
    status: 302,
    headers: {
      Location: location,
      'Cache-Control': copyCacheControl(access, context.redirectMaxAgeSeconds),
      'Cache-Status': how === 'hit' ? 'cloud-mirror; hit' : stored,
      ...(how === 'stored' && DEPENDS_ON_PREFER),
      ...(sha256 !== null && { 'Cloud-Mirror-Sha256': sha256 }),
    },
    body: { status: 'present', url: location },
  };
}

/** A signed URL is valid for one method and a short time, so it must not be cached. */
function copyCacheControl(access: 'public' | 'signed', maxAgeSeconds: number): string {
  if (access === 'signed') return 'no-store';
  return maxAgeSeconds > 0 ? `private, max-age=${maxAgeSeconds}` : 'private, no-cache';
}

function toOrigin(outcome: Outcome<'origin'>, { wait }: AnswerContext): RedirectAnswer {
  const waitWasApplied = outcome.reason === 'wait_over' || outcome.reason === 'not_waiting';
  return {
    status: 302,
    headers: {
      Location: outcome.location,
      'Cache-Control': 'no-store',
      'Cache-Status': `cloud-mirror; fwd=miss; detail=${outcome.reason}`,
      ...DEPENDS_ON_PREFER,
      ...(waitWasApplied && wait.preferred !== null && { 'Preference-Applied': `wait=${wait.preferred}` }),
    },
    body: { status: outcome.state, url: outcome.location, message: outcome.message },
  };
}

function accepted(outcome: Outcome<'accepted'>, { url, wait }: AnswerContext): RedirectAnswer {
  const waited = wait.preferred === null ? '' : `, wait=${wait.preferred}`;
  return {
    status: 202,
    headers: {
      'Retry-After': String(Math.max(1, Math.ceil(outcome.retryAfterSeconds))),
      'Cache-Control': 'no-store',
      'Cache-Status': 'cloud-mirror; fwd=miss',
      'Preference-Applied': `respond-async${waited}`,
      ...DEPENDS_ON_PREFER,
    },
    body: { status: 'pending', url: url.href, message: outcome.message },
  };
}
