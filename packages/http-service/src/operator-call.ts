import type { Logger } from '@cloud-mirror/program';
import type { HttpProblem } from './http-problem.ts';
import type { RequestContext } from './request-context.ts';
import { requireScope } from './operator-auth.ts';
import type { OperatorAuth } from './operator-auth.ts';

export interface OperatorGate<Scope extends string> {
  readonly auth: OperatorAuth<Scope>;
  readonly logger: Logger;
  /** The answer to whatever was thrown. */
  readonly problemOf: (error: unknown) => HttpProblem;
}

export type OperatorCall<Scope extends string> = (
  scope: Scope,
  ctx: RequestContext,
  call: () => Promise<void>,
) => Promise<void>;

/** Lets a call happen for operators with its scope only, and writes down who called what and how it ended. */
export function operatorGate<Scope extends string>({
  auth,
  logger,
  problemOf,
}: OperatorGate<Scope>): OperatorCall<Scope> {
  // Who did what is written down whatever the log level, but for the one that asks for no log at all.
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
