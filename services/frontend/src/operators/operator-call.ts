import type { Scope } from '@cloud-mirror/config';
import type { Logger } from '@cloud-mirror/program';
import { problemOf } from '../http/error-problem.ts';
import type { RequestContext } from '../http/request-context.ts';
import { requireScope } from './operator-auth.ts';
import type { OperatorAuth } from './operator-auth.ts';

export interface OperatorGate {
  readonly auth: OperatorAuth;
  readonly logger: Logger;
}

export type OperatorCall = (scope: Scope, ctx: RequestContext, call: () => Promise<void>) => Promise<void>;

/** Lets a call happen for operators with its scope only, and writes down who called what and how it ended. */
export function operatorGate({ auth, logger }: OperatorGate): OperatorCall {
  // Who did what is written down whatever the log level, but for the one that asks for no log at all.
  const level = logger.level === 'silent' ? 'silent' : 'info';
  const auditLog = logger.child({ audit: true }, { level });
  return async (scope, ctx, call) => {
    const audit = (status: number, result: string) => {
      const { requestId, record } = ctx.state;
      const { route, operator = null, service, region, sha256, host, path } = record;
      const what = { requestId, operator, call: route, scope, service, region, sha256, host, path };
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
