import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { StorageErrorCode } from '@cloud-mirror/storage-provider';
import { toStorageError } from '../src/s3-error.ts';
import { openScripted } from './scripted-provider.ts';
import { errorAnswer } from './scripted-store.ts';
import { put } from '@cloud-mirror/storage-provider/contract';

const KEY = 'https://origin.example.com/file';
const MAX_ATTEMPTS = 3;

let opened: AsyncDisposableStack;
beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(() => opened.disposeAsync());

/** Status, error code, expected StorageError code, whether it is retryable, and whether the call itself is retried. */
const CODES: readonly (readonly [number, string, StorageErrorCode, boolean, boolean])[] = [
  [400, 'ExpiredToken', 'store_forbidden', true, false],
  [400, 'InvalidToken', 'store_forbidden', true, false],
  [400, 'TokenRefreshRequired', 'store_forbidden', true, false],
  [403, 'InvalidAccessKeyId', 'store_forbidden', true, false],
  [403, 'SignatureDoesNotMatch', 'store_forbidden', true, false],
  [403, 'AccessDenied', 'store_forbidden', true, false],
  [400, 'RequestExpired', 'store_unavailable', true, true],
  [403, 'RequestTimeTooSkewed', 'store_unavailable', true, true],
  [400, 'RequestTimeout', 'store_unavailable', true, true],
  [400, 'KMS.ThrottlingException', 'store_unavailable', true, true],
  [400, 'KMS.KMSInternalException', 'store_unavailable', true, true],
  [400, 'KMS.DependencyTimeoutException', 'store_unavailable', true, true],
  [400, 'KMS.KeyUnavailableException', 'store_unavailable', true, true],
  [400, 'KMS.DisabledException', 'store_rejected', true, false],
  [400, 'KMS.NotFoundException', 'store_rejected', true, false],
  [307, 'TemporaryRedirect', 'store_unavailable', true, true],
  [307, 'Redirect', 'store_unavailable', true, true],
  [409, 'OperationAborted', 'store_unavailable', true, true],
  [503, 'SlowDown', 'store_unavailable', true, true],
  [400, 'ThrottlingException', 'store_unavailable', true, true],
  [429, 'TooManyRequests', 'store_unavailable', true, true],
  [509, 'BandwidthLimitExceeded', 'store_unavailable', true, true],
  [400, 'SomethingThatNobodyKnows', 'store_rejected', true, false],
  [418, 'IAmATeapot', 'store_rejected', true, false],
  [400, 'InvalidArgument', 'store_rejected', true, false],
  [400, 'AuthorizationHeaderMalformed', 'store_rejected', true, false],
  [404, 'NoSuchBucket', 'store_missing', true, false],
  [400, 'KeyTooLongError', 'store_key_refused', false, false],
  [400, 'EntityTooLarge', 'store_rejected', false, false],
  [400, 'MetadataTooLarge', 'store_rejected', false, false],
  [400, 'InvalidURI', 'store_key_refused', false, false],
  [400, 'InvalidBucketName', 'store_rejected', false, false],
  [400, 'XMinioInvalidObjectName', 'store_key_refused', false, false],
  [405, 'MethodNotAllowed', 'store_rejected', false, false],
  [501, 'NotImplemented', 'store_rejected', false, false],
  [301, 'PermanentRedirect', 'store_rejected', false, false],
];

describe('an answer to a PUT', () => {
  test.each(CODES)(
    '%i %s is %s, retryable: %s, repeated at once: %s',
    async (status, name, code, retryable, repeated) => {
      const { store, provider } = await openScripted(opened, () => errorAnswer(status, name), {
        maxAttempts: MAX_ATTEMPTS,
      });
      await expect(put(provider, KEY, Buffer.from('x'))).rejects.toMatchObject({ code, retryable });
      const puts = store.requests.filter(({ operation }) => operation === 'PutObject');
      // After a refusal that may be about a header, the request is sent again without it: see refusals.ts.
      const alike = puts.filter(({ headers }) => headers['x-amz-checksum-crc32'] !== undefined);
      expect(alike).toHaveLength(repeated ? MAX_ATTEMPTS : 1);
      const maybeHeader = ['InvalidArgument', 'NotImplemented'].includes(name);
      expect(puts.length > alike.length).toBe(maybeHeader);
    },
  );
});

describe('a HEAD, whose answer has no code,', () => {
  test.each([
    [400, {}, 'store_rejected', true, undefined],
    [400, { 'x-amz-bucket-region': 'us-west-2' }, 'store_rejected', true, undefined],
    [400, { 'x-amz-bucket-region': 'eu-central-1' }, 'store_rejected', false, 'region: eu-central-1'],
    [301, { 'x-amz-bucket-region': 'eu-central-1' }, 'store_rejected', false, 'region: eu-central-1'],
    [301, {}, 'store_rejected', false, 'another region'],
    [307, { 'x-amz-bucket-region': 'us-west-2' }, 'store_unavailable', true, undefined],
    [403, {}, 'store_forbidden', true, undefined],
  ] as const)('of %i with %j is %s, retryable: %s', async (status, headers, code, retryable, remedy) => {
    const { provider } = await openScripted(opened, () => ({ status, headers }));
    // The first call goes through the SDK; the second starts with a direct try.
    for (let time = 1; time <= 2; time += 1) {
      const failed = provider.head(KEY);
      await expect(failed).rejects.toMatchObject({ code, retryable });
      if (remedy !== undefined) await expect(failed).rejects.toThrow(remedy);
    }
  });
});

test('AuthorizationHeaderMalformed that names another region is lasting and names it', async () => {
  const answer = errorAnswer(400, 'AuthorizationHeaderMalformed', '<Region>eu-central-1</Region>');
  const { provider } = await openScripted(opened, () => answer);
  const failed = put(provider, KEY, Buffer.from('x'));
  await expect(failed).rejects.toMatchObject({ code: 'store_rejected', retryable: false });
  await expect(failed).rejects.toThrow('region: eu-central-1');
});

test('a defect of the program is not reported as a failure of the store', () => {
  const place = { bucket: 'copies', region: 'us-west-2' };
  const defect = new TypeError("Cannot read properties of undefined (reading 'x')");
  expect(() => toStorageError(defect, 'PUT of an object', place)).toThrow(defect);
  const broken = Object.assign(new Error('read'), { code: 'ECONNRESET' });
  expect(toStorageError(broken, 'PUT of an object', place)).toMatchObject({ code: 'store_unavailable' });
});

/** An error that no store needs this many bytes for: its code is unknown, so its status decides. */
const ENDLESS = `<Error><Code>NoSuchBucket</Code><Message>${'m'.repeat(32 * 1024 * 1024)}</Message></Error>`;

test.each([
  [503, 'store_unavailable'],
  [500, 'store_unavailable'],
  [403, 'store_forbidden'],
  [400, 'store_rejected'],
] as const)('an error with an endless body counts by its status alone: %i', async (status, code) => {
  const { provider } = await openScripted(opened, () => ({ status, body: ENDLESS }), { maxAttempts: 1 });
  const calls: Record<string, () => Promise<unknown>> = {
    put: () => put(provider, KEY, Buffer.from('bytes')),
    delete: () => provider.delete(KEY),
    open: () => provider.open(KEY),
    list: async () => {
      for await (const listed of provider.list('purged/')) expect(listed).toBeUndefined();
    },
  };
  for (const [name, call] of Object.entries(calls))
    await expect(call(), name).rejects.toMatchObject({ name: 'StorageError', code });
});
