import type { Logger } from '@cloud-mirror/program';
import type { HttpProblem } from './http-problem.ts';
import type { RequestContext } from './request-context.ts';
import { requireScope } from './operator-auth.ts';
import type { OperatorAuth } from './operator-auth.ts';

export interface OperatorGate<Scope extends string> {
  readonly auth: OperatorAuth<Scope>;
  readonly logger: Logger;
  /** Converts a thrown value to the response. */
  readonly problemOf: (error: unknown) => HttpProblem;
}

export type OperatorCall<Scope extends string> = (
  scope: Scope,
  ctx: RequestContext,
  call: () => Promise<void>,
) => Promise<void>;

/** Runs a call only for operators with its scope, and writes an audit line with caller, call and result. */
export function operatorGate<Scope extends string>({
  auth,
  logger,
  problemOf,
}: OperatorGate<Scope>): OperatorCall<Scope> {
  // Audit lines do not depend on the log level, unless it is `silent`.
  const level = logger.level === 'silent' ? 'silent' : 'info';
  const auditLog = logger.child({ audit: true }, { level });
  return async (scope, ctx, call) => {
    const audit = (status: number, result: string) => {
      const { requestId, record } = ctx.state;
      const { route, operator = null, outcome: _outcome, ...subject } = record;
      const what = { requestId, operator, call: route, scope, ...subject };
      auditLog.info({ ...what, status, result }, 'operator call');
    };
    try {
      const operator = auth.identify(ctx.req.headers.authorization);
      ctx.state.record.operator = operator.name;
      requireScope(operator, scope);
      await call();
      ctx.state.record.outcome ??= 'done';
      audit(ctx.status, ctx.state.record.outcome);
    } catch (error) {
      const { status, code } = problemOf(error);
      audit(status, code);
      throw error;
    }
  };
}
