import type { IncomingHttpHeaders } from 'node:http';

export interface Validators {
  /** With its quotes; null if there is none. */
  readonly etag: string | null;
  readonly lastModified: Date;
  readonly lastModifiedIsStrong: boolean;
}

/** Evaluates the preconditions of a GET or HEAD in the order of RFC 9110, section 13.2.2. */
export function evaluatePreconditions(
  headers: IncomingHttpHeaders,
  validators: Validators,
): 'proceed' | 'not_modified' | 'failed' {
  const ifMatch = headers['if-match'];
  const ifUnmodifiedSince = httpDate(headers['if-unmodified-since']);
  if (ifMatch !== undefined) {
    if (!listsETag(ifMatch, validators.etag, 'strong')) return 'failed';
  } else if (ifUnmodifiedSince !== null && wholeSeconds(validators.lastModified) > ifUnmodifiedSince)
    return 'failed';

  const ifNoneMatch = headers['if-none-match'];
  const ifModifiedSince = httpDate(headers['if-modified-since']);
  if (ifNoneMatch !== undefined)
    return listsETag(ifNoneMatch, validators.etag, 'weak') ? 'not_modified' : 'proceed';
  if (ifModifiedSince !== null && wholeSeconds(validators.lastModified) <= ifModifiedSince)
    return 'not_modified';
  return 'proceed';
}

/** Whether `Range` applies: `If-Range` must match by strong comparison (RFC 9110, section 13.1.5). */
export function rangeApplies(ifRange: string | undefined, validators: Validators): boolean {
  if (ifRange === undefined) return true;
  if (ifRange.includes('"')) return listsETag(ifRange, validators.etag, 'strong');
  return validators.lastModifiedIsStrong && httpDate(ifRange) === wholeSeconds(validators.lastModified);
}

function listsETag(header: string, etag: string | null, comparison: 'strong' | 'weak'): boolean {
  if (header.trim() === '*') return true;
  if (etag === null) return false;
  const listed = [...header.matchAll(/(?:W\/)?"[^"]*"/g)].map(([listedTag]) => listedTag);
  if (comparison === 'weak') return listed.some((candidate) => opaque(candidate) === opaque(etag));
  return !etag.startsWith('W/') && listed.includes(etag);
}

function opaque(etag: string): string {
  return etag.replace(/^W\//, '');
}

function httpDate(header: string | undefined): number | null {
  const time = header === undefined ? NaN : Date.parse(header);
  return Number.isNaN(time) ? null : Math.floor(time / 1000);
}

/** HTTP dates have no milliseconds. */
function wholeSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}
