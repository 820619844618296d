import type { OriginCaching, OriginDescription } from './origin.ts';
import type { ResponseHeaders } from './response-headers.ts';

/** Reads the description of the object from an answer's headers. */
export function describeHeaders(
  headers: ResponseHeaders,
): Omit<OriginDescription, 'finalUrl' | 'hops' | 'sizeBytes'> {
  return {
    etag: headers.first('etag'),
    lastModified: headers.first('last-modified'),
    contentType: headers.first('content-type'),
    contentEncoding: headers.list('content-encoding'),
    contentDisposition: headers.first('content-disposition'),
    contentLanguage: headers.list('content-language'),
    userMetadata: userMetadata(headers),
  };
}

export function describeCaching(headers: ResponseHeaders): OriginCaching {
  return { cacheControl: headers.list('cache-control'), expires: headers.first('expires') };
}

/**
 * Headers in which stores return the user metadata of an object:
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html,
 * https://cloud.google.com/storage/docs/xml-api/reference-headers#xgoogmeta
 */
const USER_METADATA = /^x-(?:amz|goog)-meta-(.+)$/;

function userMetadata(headers: ResponseHeaders): Record<string, string> {
  const entries = headers.names().flatMap((name): [string, string][] => {
    const key = USER_METADATA.exec(name)?.[1];
    return key === undefined ? [] : [[key, headers.list(name) ?? '']];
  });
  return Object.fromEntries(entries);
}
