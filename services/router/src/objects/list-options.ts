import { HttpProblem } from '@cloud-mirror/http-service';

const MOST_NAMES = 1_000;

export interface ListOptions {
  /** Only names after this one; null for all. */
  readonly after: string | null;
  readonly limit: number;
}

/** @throws HttpProblem 400 for other parameters than `after` and `limit` */
export function listOptions(parameters: ReadonlyMap<string, string>): ListOptions {
  let after: string | null = null;
  let limit = MOST_NAMES;
  for (const [name, value] of parameters) {
    if (name === 'after') after = value === '' ? null : value;
    else if (name === 'limit' && /^\d{1,4}$/.test(value) && Number(value) >= 1 && Number(value) <= MOST_NAMES)
      limit = Number(value);
    else
      throw new HttpProblem(
        400,
        'parameter_refused',
        `A list takes after=NAME and limit=N from 1 to ${MOST_NAMES}.`,
      );
  }
  return { after, limit };
}
