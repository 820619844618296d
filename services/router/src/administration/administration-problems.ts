import { HttpProblem } from '@cloud-mirror/http-service';
import { StateError } from '@cloud-mirror/state-store';
import { MAX_ROUTES_BYTES, RevisionMismatch, RoutesFault } from '@cloud-mirror/storage-routes';

/** Faults in the answer; a document of 10,000 routes may have as many. */
const MOST_FAULTS = 20;

/** Converts what a change of the routes throws to a problem. */
export function administrationProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof RoutesFault) return routesProblem(error);
  if (error instanceof RevisionMismatch) return new HttpProblem(412, error.code, error.message);
  if (error instanceof StateError) return stateProblem(error);
  return new HttpProblem(500, 'internal_error', 'An internal error occurred in the router.', {
    cause: error,
  });
}

export function routesProblem({ code, faults }: RoutesFault): HttpProblem {
  const shown = faults.slice(0, MOST_FAULTS);
  const lines = shown.map(
    ({ path, found, expected }) => `${path === '' ? '' : `${path}: `}found ${found}; expected ${expected}`,
  );
  const more = faults.length > MOST_FAULTS ? ` And ${faults.length - MOST_FAULTS} more faults.` : '';
  return new HttpProblem(400, code, `${lines.join('. ')}.${more}`, { extensions: { faults: shown } });
}

function stateProblem(error: StateError): HttpProblem {
  if (error.code === 'state_too_large')
    return new HttpProblem(
      413,
      error.code,
      `All routes together may have ${MAX_ROUTES_BYTES} bytes, and these have more.`,
    );
  return new HttpProblem(
    503,
    error.code,
    'The routes cannot be changed now, because the store of their document did not complete the call. The routes in force stay. Calling again is safe.',
    { headers: { 'Retry-After': '5' }, cause: error },
  );
}
