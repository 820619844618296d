import { NotMirroredError, UnknownBackendError } from '@cloud-mirror/cache-manager';
import { EntryStoreError } from '@cloud-mirror/entry-store';
import { QueueError } from '@cloud-mirror/job-queue';
import { OriginUrlError } from '@cloud-mirror/origin';
import { UploadError } from '@cloud-mirror/routed-objects';
import { StorageError } from '@cloud-mirror/storage-provider';
import { ParameterError } from './redirect/origin-url-parameter.ts';
import { unknownBackend } from './redirect/redirect-answer.ts';
import { HttpProblem } from '@cloud-mirror/http-service';

const RETRY_AFTER_SECONDS = 5;

/**
 * Converts errors to HTTP responses; no other place does. Clients get the error's code and a fixed sentence, because
 * messages of adapters may contain internal addresses. The log gets the error itself.
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
  if (error instanceof UploadError) return uploadProblem(error);
  if (error instanceof StorageError && error.code === 'store_full')
    return new HttpProblem(507, error.code, 'There is no room for this object.', { cause: error });
  if (error instanceof StorageError && error.code === 'store_exists')
    return new HttpProblem(412, error.code, 'There is an object with this key.', { cause: error });
  if (error instanceof StorageError)
    return unavailable(error.code, 'The object store did not complete the call.', error);
  if (error instanceof QueueError) return queueProblem(error);
  if (error instanceof NotMirroredError)
    return new HttpProblem(404, error.code, `${capitalized(error.message)}.`, { cause: error });
  if (error instanceof UnknownBackendError) return unknownBackend(error.known);
  if (error instanceof DOMException && error.name === 'TimeoutError')
    return unavailable('time_limit', 'The call took too long.', error);
  return new HttpProblem(500, 'internal_error', 'An internal error occurred in the mirror.', {
    cause: error,
  });
}

/** Whether a problem needs the attention of the mirror's operators. */
export function isOurFault(problem: HttpProblem): boolean {
  return problem.status >= 500 && problem.code !== 'origin_status' && problem.code !== 'origin_redirects';
}

function uploadProblem(error: UploadError): HttpProblem {
  const status = error.code === 'upload_too_large' ? 413 : 400;
  return new HttpProblem(status, error.code, `${capitalized(error.message)}.`, { cause: error });
}

function queueProblem(error: QueueError): HttpProblem {
  if (error.code !== 'purge_in_progress')
    return unavailable(error.code, 'The queue did not complete the call.', error);
  return new HttpProblem(
    409,
    error.code,
    'The queue was purged less than a minute ago, and allows this once a minute.',
    {
      headers: { 'Retry-After': String(Math.max(1, Math.ceil(error.retryAfterSeconds ?? 60))) },
      cause: error,
    },
  );
}

function unavailable(code: string, detail: string, cause: unknown): HttpProblem {
  return new HttpProblem(503, code, `${detail} It may have had no effect. Calling again is safe.`, {
    headers: { 'Retry-After': String(RETRY_AFTER_SECONDS) },
    cause,
  });
}

function capitalized(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
