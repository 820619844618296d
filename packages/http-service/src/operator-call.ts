import { AuditWriteError } from '@cloud-mirror/program';
import type { AuditEvent, AuditFacts, AuditTrail, Logger } from '@cloud-mirror/program';
import { HttpProblem } from './http-problem.ts';
import type { RequestContext } from './request-context.ts';
import { requireScope } from './operator-auth.ts';
import type { Operator, OperatorAuth } from './operator-auth.ts';
import { RateLimiter, tooManyRequests, type RateLimit } from './rate-limit.ts';

export interface OperatorGate<Scope extends string> {
  readonly auth: Pick<OperatorAuth<Scope>, 'identify'>;
  readonly audit: AuditTrail;
  readonly logger: Logger;
  /** Converts a thrown value to the response. */
  readonly problemOf: (error: unknown) => HttpProblem;
  /** What the requests of one client have in common, see `clientNetworkReader`. */
  readonly clientOf: (request: RequestContext['req']) => string;
}

/**
 * @param check checks the call and fills the record of the request in, and returns what the call does. Whatever it throws
 *   refuses the call.
 */
export type OperatorCall<Scope extends string> = (
  scope: Scope,
  ctx: RequestContext,
  check: () => CheckedCall | Promise<CheckedCall>,
) => Promise<void>;

/** Does what the operator asks for, and answers. */
export type CheckedCall = () => Promise<void>;

/** A client's calls without a valid token. Beyond it they get 429 and no audit line, so that nobody can fill the disk. */
const REFUSALS: RateLimit = { requestsPerSecond: 5, burst: 300 };
/** The same for all clients together. Beyond it the refusals have no audit line. */
const AUDITED_REFUSALS: RateLimit = { requestsPerSecond: 50, burst: 1000 };

/**
 * Runs a call only for operators with its scope, and records it in the audit stream.
 *
 * A change has two lines: `begun`, which is flushed before the change is made, and `ended`, which is flushed before the
 * answer. If the first cannot be written, the change is not made (503 `audit_unavailable`). A call that changes nothing
 * (GET, HEAD) and one that is refused have one line each, and are answered even if it cannot be written.
 */
export function operatorGate<Scope extends string>({
  auth,
  audit,
  logger,
  problemOf,
  clientOf,
}: OperatorGate<Scope>): OperatorCall<Scope> {
  const refusals = new RateLimiter(REFUSALS);
  const auditedRefusals = new RateLimiter(AUDITED_REFUSALS);

  const record = async (event: AuditEvent, facts: AuditFacts): Promise<void> => {
    try {
      await audit.append(event, facts);
    } catch (error) {
      const { requestId } = facts;
      logger.error({ requestId, err: error }, 'an operator call could not be recorded in the audit stream');
    }
  };

  /** The answer to a call without a valid token. */
  const refusalOf = async (scope: Scope, ctx: RequestContext, error: unknown): Promise<unknown> => {
    const now = performance.now();
    const waitSeconds = refusals.take(clientOf(ctx.req), now);
    if (waitSeconds > 0) return tooManyRequests(waitSeconds);
    if (auditedRefusals.take('', now) === 0)
      await record('refused', { ...factsOf(scope, ctx), ...audited(resultOf(error)) });
    return error;
  };

  const resultOf = (error: unknown): CallResult => {
    const { status, code } = problemOf(error);
    return { status, result: code, error };
  };

  return async (scope, ctx, check) => {
    let operator: Operator<Scope>;
    try {
      operator = auth.identify(ctx.req.headers.authorization);
    } catch (error) {
      throw await refusalOf(scope, ctx, error);
    }
    ctx.state.record.operator = operator.name;
    let call: CheckedCall;
    try {
      requireScope(operator, scope);
      call = await check();
    } catch (error) {
      await record('refused', { ...factsOf(scope, ctx), ...audited(resultOf(error)) });
      throw error;
    }
    const changes = ctx.req.method !== 'GET' && ctx.req.method !== 'HEAD';
    const begun = changes ? { begunSeq: await begin(audit, factsOf(scope, ctx)) } : {};
    const result = await call().then(() => doneResult(ctx), resultOf);
    // If this line cannot be written, the line `begun` still tells of the change, and the answer stays true.
    await record(changes ? 'ended' : 'read', { ...factsOf(scope, ctx), ...begun, ...audited(result) });
    if ('error' in result) throw result.error;
  };
}

function doneResult(ctx: RequestContext): CallResult {
  ctx.state.record.outcome ??= 'done';
  return { status: ctx.status, result: ctx.state.record.outcome };
}

interface CallResult {
  readonly status: number;
  readonly result: string;
  /** What the call threw. */
  readonly error?: unknown;
}

/** @throws HttpProblem 503 if the line cannot be written: a change without a trace is not made */
async function begin(audit: AuditTrail, facts: AuditFacts): Promise<number> {
  try {
    return await audit.append('begun', facts);
  } catch (error) {
    if (!(error instanceof AuditWriteError)) throw error;
    throw new HttpProblem(
      503,
      'audit_unavailable',
      'Nothing was changed, because the audit stream cannot be written. See the log of this process.',
      { headers: { 'Retry-After': '30' }, cause: error },
    );
  }
}

function audited({ status, result }: CallResult): AuditFacts {
  return { status, result };
}

function factsOf(scope: string, ctx: RequestContext): AuditFacts {
  const { requestId, record } = ctx.state;
  const { route, operator = null, outcome: _outcome, ...subject } = record;
  return { requestId, operator, call: route, scope, ...subject };
}
