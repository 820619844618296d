import { problemHeaders, sendText } from '@cloud-mirror/http-service';
import type { Handler, HttpProblem } from '@cloud-mirror/http-service';

/** Answers whatever the handlers of `/v2` throw in Marathon's shape: `{"message": …}`. */
export function marathonErrors(
  problemOf: (error: unknown) => HttpProblem,
  onOurFault: (problem: HttpProblem, requestId: string, error: unknown) => void,
): Handler {
  return async (ctx, next) => {
    if (!ctx.path.startsWith('/v2/')) return next();
    try {
      await next();
    } catch (error) {
      const problem = problemOf(error);
      const { record, requestId } = ctx.state;
      record.outcome ??= problem.code;
      if (problem.status >= 500) onOurFault(problem, requestId, error);
      const body = JSON.stringify({ message: problem.message, ...problem.extensions });
      sendText(ctx, problem.status, body, { ...problemHeaders(problem), 'Content-Type': 'application/json' });
    }
  };
}
