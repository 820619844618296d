import { UnknownBackendError } from '@cloud-mirror/cache-manager';
import { EntryStoreError } from '@cloud-mirror/entry-store';
import { QueueError } from '@cloud-mirror/job-queue';
import { OriginUrlError } from '@cloud-mirror/origin';
import { StorageError } from '@cloud-mirror/storage-provider';
import { ParameterError } from './redirect/origin-url-parameter.ts';
import { unknownBackend } from './redirect/redirect-answer.ts';
import { HttpProblem } from '@cloud-mirror/http-service';

const RETRY_AFTER_SECONDS = 5;

/**
 * Turns errors into HTTP problems, and is the only place that does. Messages of adapters may name internal addresses, so a client
 * gets a fixed sentence and the error's code. The log gets the error itself.
 */
export function problemOf(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof ParameterError)
    return new HttpProblem(error.code === 'url_too_long' ? 414 : 400, error.code, error.message, {
      cause: error,
    });
  if (error instanceof OriginUrlError)
    return new HttpProblem(400, error.code, `${capitalized(error.message)}.`, { cause: error });
  if (error instanceof EntryStoreError)
    return unavailable(error.code, 'The entry store cannot be reached.', error);
  if (error instanceof StorageError)
    return unavailable(error.code, 'The object store did not do what was asked.', error);
  if (error instanceof QueueError) return queueProblem(error);
  if (error instanceof UnknownBackendError) return unknownBackend(error.known);
  if (error instanceof DOMException && error.name === 'TimeoutError')
    return unavailable('time_limit', 'What was asked took too long.', error);
  return new HttpProblem(500, 'internal_error', 'Something went wrong here.', { cause: error });
}

/** Whether the mirror's operators should see the problem, and not only the client. */
export function isOurFault(problem: HttpProblem): boolean {
  return problem.status >= 500 && problem.code !== 'origin_status' && problem.code !== 'origin_redirects';
}

function queueProblem(error: QueueError): HttpProblem {
  if (error.code !== 'purge_in_progress')
    return unavailable(error.code, 'The queue did not do what was asked.', error);
  return new HttpProblem(
    409,
    error.code,
    'The queue was emptied a moment ago and takes this once a minute.',
    {
      headers: { 'Retry-After': String(Math.max(1, Math.ceil(error.retryAfterSeconds ?? 60))) },
      cause: error,
    },
  );
}

function unavailable(code: string, detail: string, cause: unknown): HttpProblem {
  return new HttpProblem(503, code, `${detail} Nothing is claimed to be done; calling again is safe.`, {
    headers: { 'Retry-After': String(RETRY_AFTER_SECONDS) },
    cause,
  });
}

function capitalized(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
