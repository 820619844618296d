import { expect, test } from 'vitest';
import {
  PurgeQueueInProgress,
  QueueDoesNotExist,
  ReceiptHandleIsInvalid,
  RequestThrottled,
  SQSServiceException,
} from '@aws-sdk/client-sqs';
import { QueueError } from '../src/job-queue.ts';
import { queueError } from '../src/sqs/sqs-errors.ts';

function answer(httpStatusCode: number): { message: string; $metadata: { httpStatusCode: number } } {
  return { message: 'as the server said', $metadata: { httpStatusCode } };
}

function unmodeled(name: string, httpStatusCode: number, message = 'as the server said'): Error {
  return new SQSServiceException({ name, $fault: 'client', ...answer(httpStatusCode), message });
}

test('an unknown refusal is retryable, an invalid request is not', () => {
  expect(queueError('SendMessage', unmodeled('SomethingNew', 400))).toMatchObject({
    code: 'queue_rejected',
    retryable: true,
  });
  for (const name of [
    'InvalidMessageContents',
    'UnsupportedOperation',
    'AWS.SimpleQueueService.MissingParameter',
  ])
    expect(queueError('SendMessage', unmodeled(name, 400))).toMatchObject({
      code: 'queue_rejected',
      retryable: false,
    });
});

test.each([
  [new QueueDoesNotExist(answer(400)), 'queue_missing'],
  [unmodeled('AWS.SimpleQueueService.NonExistentQueue', 400), 'queue_missing'],
  [new PurgeQueueInProgress(answer(403)), 'purge_in_progress'],
  [new ReceiptHandleIsInvalid(answer(400)), 'delivery_lost'],
  [
    unmodeled(
      'InvalidParameterValue',
      400,
      'Value AQEB… for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.',
    ),
    'delivery_lost',
  ],
  [new RequestThrottled(answer(403)), 'queue_unavailable'],
  [unmodeled('AccessDenied', 403), 'queue_forbidden'],
  [unmodeled('SomethingNew', 403), 'queue_forbidden'],
  [unmodeled('InvalidParameterValue', 400), 'queue_rejected'],
  [unmodeled('ExpiredToken', 400), 'queue_forbidden'],
  [unmodeled('com.amazonaws.sqs#ExpiredTokenException', 400), 'queue_forbidden'],
  [unmodeled('InvalidToken', 400), 'queue_forbidden'],
  [unmodeled('InvalidClientTokenId', 403), 'queue_forbidden'],
  [unmodeled('RequestExpired', 400), 'queue_unavailable'],
  [unmodeled('KmsThrottled', 400), 'queue_unavailable'],
  [unmodeled('KMS.ThrottlingException', 400), 'queue_unavailable'],
  [unmodeled('KmsDisabled', 400), 'queue_forbidden'],
  [unmodeled('TemporaryRedirect', 307), 'queue_unavailable'],
  [unmodeled('OperationAborted', 409), 'queue_unavailable'],
  [unmodeled('InternalError', 500), 'queue_unavailable'],
  [unmodeled('TooManyRequests', 429), 'queue_unavailable'],
  [Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }), 'queue_unavailable'],
  [Object.assign(new Error('no credentials'), { name: 'CredentialsProviderError' }), 'queue_forbidden'],
  ['text', 'queue_unavailable'],
])('%s is %s', (cause, code) => {
  const error = queueError('SendMessage', cause);
  expect(error).toBeInstanceOf(QueueError);
  expect(error).toMatchObject({ code, cause });
  expect(error.retryAfterSeconds).toBe(code === 'purge_in_progress' ? 60 : null);
  expect(error.retryable).toBe(code !== 'queue_rejected' && code !== 'delivery_lost');
});

test('a defect of the program is not told as a failure of the queue', () => {
  const defect = new RangeError('Invalid time value');
  expect(() => queueError('SendMessage', defect)).toThrow(defect);
});
