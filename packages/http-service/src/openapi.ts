/** Building blocks of an OpenAPI document: responses and parameters that many calls have. */

export function ref(schema: string) {
  return { $ref: `#/components/schemas/${schema}` };
}

export function jsonAnswer(description: string, schema: object) {
  return { description, content: { 'application/json': { schema } } };
}

export function problem(description: string) {
  return { description, content: { 'application/problem+json': { schema: ref('Problem') } } };
}

export function header(description: string) {
  return { description, schema: { type: 'string' } };
}

export const RETRY_AFTER = { 'Retry-After': header('Seconds.') };

export function pathParameter(name: string, description: string) {
  return { name, in: 'path', required: true, description, schema: { type: 'string' } };
}

const UNAUTHORIZED = problem('The token is missing or unknown.');

/** The error responses of every operators' call. */
export const OPERATOR_PROBLEMS = {
  401: { ...UNAUTHORIZED, headers: { 'WWW-Authenticate': header('Bearer') } },
  403: problem('The token lacks the scope.'),
  429: { ...problem('Too many calls without a valid token.'), headers: RETRY_AFTER },
  503: {
    ...problem(
      'A required part cannot be reached, and the call may have had no effect; or the audit stream cannot be written, and it had none.',
    ),
    headers: RETRY_AFTER,
  },
};

/** Puts the scope in the security requirement, which OpenAPI 3.1 allows for every scheme. */
export function needsScope(scope: string) {
  return [{ operatorToken: [scope] }];
}
