import { isProgramDefect } from '@cloud-mirror/aws';
import { StateError } from '../state-store.ts';

/** The parts of an SDK error that are used here. */
interface SdkError {
  readonly name?: string;
  readonly message?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

function sdkError(error: unknown): SdkError {
  return error ?? {};
}

export function statusOf(error: unknown): number | undefined {
  return sdkError(error).$metadata?.httpStatusCode;
}

/** Whether there is no such object. A bucket that does not exist is another matter. */
export function isAbsent(error: unknown): boolean {
  const { name } = sdkError(error);
  return name === 'NoSuchKey' || (statusOf(error) === 404 && name !== 'NoSuchBucket');
}

/** Whether a condition does not hold, or a concurrent conditional write of the key is under way (409). */
export function isConditionFailed(error: unknown): boolean {
  return statusOf(error) === 412 || sdkError(error).name === 'ConditionalRequestConflict';
}

/** Whether a store refuses the header of a condition itself: 501, or 400 with a code about an argument. */
export function isConditionRefused(error: unknown): boolean {
  const status = statusOf(error);
  return (
    status === 501 ||
    (status === 400 &&
      /^(?:NotImplemented|Invalid(?:Argument|Request|Header))$/.test(sdkError(error).name ?? ''))
  );
}

/** Whether the same read may succeed at once: the connection broke off, or the store is busy. */
export function isTransient(error: unknown): boolean {
  if (error instanceof StateError || isProgramDefect(error)) return false;
  const status = statusOf(error);
  return status === undefined || status >= 500 || status === 429;
}

/** @throws `error` itself if it is a defect of a program */
export function toStateError(error: unknown, what: string, bucket: string): StateError {
  if (error instanceof StateError) return error;
  if (isProgramDefect(error)) throw error;
  const { name = 'Error', message = '' } = sdkError(error);
  const status = statusOf(error);
  const reason = [status, name === 'Error' ? '' : name, message === name ? '' : message]
    .filter(Boolean)
    .join(' ');
  return new StateError('state_unavailable', `${what} in bucket ${bucket} failed: ${reason}`, {
    cause: error,
  });
}
