import { HttpProblem } from '@cloud-mirror/http-service';

/**
 * Parses the body of `PUT /v2/apps/:id`.
 * @param otherWay how to change more than the number of instances
 * @returns the number of instances
 * @throws HttpProblem 422
 */
export function parseScaling(body: unknown, otherWay: string): number {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw invalid('The body must be an object such as {"instances": 3}.');
  const others = Object.keys(body).filter((key) => key !== 'instances');
  if (others.length > 0)
    throw invalid(
      `Only instances can be set here, and not ${others
        .slice(0, 5)
        .map((key) => JSON.stringify(key.slice(0, 40)))
        .join(', ')}. For anything else, ${otherWay}.`,
    );
  const { instances } = body as { readonly instances?: unknown };
  if (typeof instances !== 'number' || !Number.isSafeInteger(instances) || instances < 0)
    throw invalid('instances must be a whole number, 0 or more, as in {"instances": 3}.');
  return instances;
}

function invalid(detail: string): HttpProblem {
  return new HttpProblem(422, 'app_invalid', detail);
}
