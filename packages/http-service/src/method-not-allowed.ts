import { HttpProblem } from './http-problem.ts';

/** 405, which must list the allowed methods (RFC 9110, section 15.5.6). */
export function methodNotAllowed(allowed: readonly string[]): HttpProblem {
  const allow = allowed.join(', ');
  return new HttpProblem(405, 'method_not_allowed', `This path supports only ${allow}.`, {
    headers: { Allow: allow },
  });
}
