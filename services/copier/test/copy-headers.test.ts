import type { OriginCaching, OriginObject } from '@cloud-mirror/origin';
import { expect, test } from 'vitest';
import { headersOf } from '../src/copy-headers.ts';

const none = { contentType: null, contentEncoding: null, contentDisposition: null, contentLanguage: null };

function stored(caching: OriginCaching | null): ReturnType<typeof headersOf> {
  return headersOf({ ...none, caching } as OriginObject, new URL('https://h.example/app.zip'));
}

test.each([
  ['Sun, 06 Nov 1994 08:49:37 GMT', 'Sun, 06 Nov 1994 08:49:37 GMT'],
  ['Sunday, 06-Nov-94 08:49:37 GMT', 'Sun, 06 Nov 1994 08:49:37 GMT'],
  ['Sun Nov  6 08:49:37 1994', 'Sun, 06 Nov 1994 08:49:37 GMT'],
  ['0', 'Thu, 01 Jan 1970 00:00:00 GMT'],
  ['-1', 'Thu, 01 Jan 1970 00:00:00 GMT'],
])('Expires: %s is stored as %s', (received, expires) => {
  expect(stored({ cacheControl: null, expires: received })).toMatchObject({ expires });
});

test('Cache-Control is stored as received, and only if the origin sends it and the rule keeps it', () => {
  expect(stored({ cacheControl: 'public, max-age=5', expires: null })).toMatchObject({
    cacheControl: 'public, max-age=5',
  });
  for (const caching of [null, { cacheControl: null, expires: null }])
    expect(stored(caching)).toEqual({
      contentType: 'application/octet-stream',
      contentDisposition: 'inline; filename="app.zip"',
    });
});
