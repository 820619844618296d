/** Building blocks of the description: answers and parameters that many calls have. */

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

const UNAUTHORIZED = problem('No token, or one that nobody has.');

/** Answers of every operators' call. */
export const OPERATOR_PROBLEMS = {
  401: { ...UNAUTHORIZED, headers: { 'WWW-Authenticate': header('Bearer') } },
  403: problem('The token lacks the scope.'),
  503: {
    ...problem('A part that is needed cannot be reached; nothing is claimed to be done.'),
    headers: RETRY_AFTER,
  },
};

/** The scope stands in the security requirement, as OpenAPI 3.1 allows for every scheme. */
export function needsScope(scope: string) {
  return [{ operatorToken: [scope] }];
}
