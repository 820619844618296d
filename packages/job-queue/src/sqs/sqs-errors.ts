import type { BatchResultErrorEntry } from '@aws-sdk/client-sqs';
import { isProgramDefect, namesRefusedCredentials } from '@cloud-mirror/aws';
import { QueueError } from '../job-queue.ts';
import type { QueueErrorCode } from '../job-queue.ts';

/** SQS allows one PurgeQueue a minute (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html). */
const PURGE_INTERVAL_SECONDS = 60;

/**
 * Error names of the JSON protocol; older servers prefix them with `AWS.SimpleQueueService.`. For other names the HTTP
 * status decides.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html and the errors of each action
 */
const CODES: Readonly<Record<string, QueueErrorCode>> = {
  QueueDoesNotExist: 'queue_missing',
  NonExistentQueue: 'queue_missing',
  PurgeQueueInProgress: 'purge_in_progress',
  ReceiptHandleIsInvalid: 'delivery_lost',
  MessageNotInflight: 'delivery_lost',
  AccessDenied: 'queue_forbidden',
  AccessDeniedException: 'queue_forbidden',
  CredentialsProviderError: 'queue_forbidden',
  IncompleteSignature: 'queue_forbidden',
  KmsAccessDenied: 'queue_forbidden',
  KmsDisabled: 'queue_forbidden',
  KmsInvalidState: 'queue_forbidden',
  KmsNotFound: 'queue_forbidden',
  KmsOptInRequired: 'queue_forbidden',
  MissingAuthenticationToken: 'queue_forbidden',
  OptInRequired: 'queue_forbidden',
  KmsThrottled: 'queue_unavailable',
  OverLimit: 'queue_unavailable',
  QueueDeletedRecently: 'queue_unavailable',
  RequestExpired: 'queue_unavailable',
  RequestLimitExceeded: 'queue_unavailable',
  RequestThrottled: 'queue_unavailable',
  RequestTimeTooSkewed: 'queue_unavailable',
  ServiceUnavailable: 'queue_unavailable',
  ThrottledException: 'queue_unavailable',
  Throttling: 'queue_unavailable',
  ThrottlingException: 'queue_unavailable',
};

/** Errors of an invalid request, which are permanent. Other 4xx are retryable. */
const PERMANENT: ReadonlySet<string> = new Set([
  'BatchEntryIdsNotDistinct',
  'BatchRequestTooLong',
  'EmptyBatchRequest',
  'InvalidAction',
  'InvalidAttributeName',
  'InvalidAttributeValue',
  'InvalidBatchEntryId',
  'InvalidIdFormat',
  'InvalidMessageContents',
  'InvalidParameterCombination',
  'InvalidParameterValue',
  'InvalidQueryParameter',
  'MalformedQueryString',
  'MissingAction',
  'MissingParameter',
  'MissingRequiredParameterException',
  'QueueNameExists',
  'TooManyEntriesInBatchRequest',
  'UnknownOperationException',
  'UnsupportedOperation',
  'ValidationError',
  'ValidationException',
]);

/**
 * Converts the error of an SDK call to a {@link QueueError}. `what` names the call, for operators.
 * @throws `cause` itself if it is a defect of a program, for which the queue is not to blame
 */
export function queueError(what: string, cause: unknown): QueueError {
  if (cause instanceof QueueError) return cause;
  if (isProgramDefect(cause)) throw cause;
  const code = codeOf(cause);
  const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  return new QueueError(code, `${what}: ${reason}`, {
    cause,
    ...(code === 'queue_rejected' && { retryable: !PERMANENT.has(codeNameOf(cause)) }),
    ...(code === 'purge_in_progress' && { retryAfterSeconds: PURGE_INTERVAL_SECONDS }),
  });
}

interface BatchAnswer {
  readonly Successful?: readonly { readonly Id?: string | undefined }[] | undefined;
  readonly Failed?: readonly BatchResultErrorEntry[] | undefined;
}

/**
 * Reads the results of the `count` entries, whose identifiers are their indexes, from the answer to a batch call.
 * @returns for each entry its error; `null` if it succeeded
 */
export function entryFailures(what: string, count: number, answer: BatchAnswer): (QueueError | null)[] {
  const done = new Set(answer.Successful?.map(({ Id }) => Id));
  return Array.from({ length: count }, (_, index) => {
    const id = String(index);
    if (done.has(id)) return null;
    const failed = answer.Failed?.find(({ Id }) => Id === id);
    if (failed === undefined)
      return new QueueError('queue_unavailable', `${what}: the answer does not mention an entry`);
    const { Code = 'Error', Message = '', SenderFault } = failed;
    const cause = Object.assign(new Error(Message), {
      name: Code,
      $metadata: { httpStatusCode: SenderFault === true ? 400 : 500 },
    });
    return queueError(what, cause);
  });
}

/** Whether the queue was created meanwhile, perhaps with other attributes. */
export function isExistingQueue(cause: unknown): boolean {
  return ['QueueNameExists', 'QueueAlreadyExists'].includes(codeNameOf(cause));
}

function codeOf(cause: unknown): QueueErrorCode {
  const name = codeNameOf(cause);
  const named = CODES[name];
  if (named !== undefined) return named;
  if (namesRefusedCredentials(name)) return 'queue_forbidden';
  // SQS reports an expired receipt handle as an invalid parameter.
  if (cause instanceof Error && /receipt ?handle.*(?:expired|invalid)/is.test(cause.message))
    return 'delivery_lost';
  const status = statusOf(cause);
  if (status === 401 || status === 403) return 'queue_forbidden';
  // Without a status there was no answer, or not in time.
  if (status === null || status < 400 || status >= 500 || [408, 409, 429].includes(status))
    return 'queue_unavailable';
  return 'queue_rejected';
}

/** The error code of a refused call, without prefixes; empty if there is none. */
export function codeNameOf(cause: unknown): string {
  return cause instanceof Error ? cause.name.replace(/^.*[.#]/, '') : '';
}

function statusOf(cause: unknown): number | null {
  if (typeof cause !== 'object' || cause === null || !('$metadata' in cause)) return null;
  const metadata = cause.$metadata as { readonly httpStatusCode?: number } | undefined;
  return metadata?.httpStatusCode ?? null;
}
