import type { OriginObject } from '@cloud-mirror/origin';
import type { ObjectHeaders } from '@cloud-mirror/storage-provider';
import { dispositionOf } from './copy-disposition.ts';
import { imfFixdate } from './imf-fixdate.ts';

/** The headers to store with the copy of `url`. */
export function headersOf(source: OriginObject, url: URL): ObjectHeaders {
  const { cacheControl = null, expires = null } = source.caching ?? {};
  return {
    contentType: source.contentType ?? 'application/octet-stream',
    contentEncoding: source.contentEncoding ?? undefined,
    contentDisposition: dispositionOf(source.contentDisposition, url),
    contentLanguage: source.contentLanguage ?? undefined,
    cacheControl: cacheControl ?? undefined,
    expires: expires === null ? undefined : expiryDate(expires),
  };
}

/** An invalid date such as `0` means a time in the past (RFC 9111, section 5.3), but stores accept only valid dates. */
function expiryDate(received: string): string {
  return imfFixdate(received) ?? new Date(0).toUTCString();
}
