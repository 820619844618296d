import type { IncomingHttpHeaders } from 'node:http';

/**
 * Whether a header changes what a request does to an object, so that a signature must cover it: checksums, metadata, and
 * everything else that S3 refuses unless it is signed. `Content-Type` may be sent unsigned, as with S3.
 * @param name in lower case
 */
export function isCountingHeader(name: string): boolean {
  return name === 'content-md5' || name.startsWith('x-amz-');
}

/** The headers of a request that its signature must cover, with names in lower case. */
export function countingHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const counting: Record<string, string> = {};
  for (const name in headers) if (isCountingHeader(name)) counting[name] = String(headers[name]);
  return counting;
}
