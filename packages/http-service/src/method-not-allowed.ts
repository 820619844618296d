import { HttpProblem } from './http-problem.ts';

/** 405, which has to say what is allowed (RFC 9110, section 15.5.6). */
export function methodNotAllowed(allowed: readonly string[]): HttpProblem {
  const allow = allowed.join(', ');
  return new HttpProblem(405, 'method_not_allowed', `Only ${allow} can be used here.`, {
    headers: { Allow: allow },
  });
}
