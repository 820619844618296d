import { createHash } from 'node:crypto';
import { bytesOf, digestOf, type OriginBody } from './origin-body.ts';

/** The origin server's response to one request. origin-sender.ts sends it. */
export interface OriginAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The body. A HEAD gets only the headers. */
  readonly body: OriginBody;
  /** How the end of the body is marked: by Content-Length, the last chunk, or the end of the connection. */
  readonly framing: 'length' | 'chunked' | 'close';
  /** Whether Range is honoured (and If-Range with an ETag). */
  readonly ranges: boolean;
  readonly bytesPerSecond?: number;
  readonly fault?: OriginFault;
}

export interface OriginFault {
  /** `cut`: the connection ends with FIN. `reset`: with RST. `stall`: nothing more is sent. */
  readonly kind: 'cut' | 'reset' | 'stall';
  /** The position in the object at which it happens. A reset also loses bytes that are still in transit. */
  readonly at: number;
  /** The number of GETs of the path that have the fault; later ones succeed. */
  readonly times: number;
}

/** The response for `/bytes` and similar routes; origin-routes.ts documents the query. */
export function bodyAnswer(body: OriginBody, query: URLSearchParams, etag?: string): OriginAnswer {
  const headers: Record<string, string> = {
    'content-type': query.get('type') ?? 'application/octet-stream',
    'last-modified': 'Tue, 14 Nov 2023 22:13:20 GMT',
  };
  const tag =
    etag ??
    `"${createHash('sha256').update(bytesOf(body, 65_536)).digest('hex').slice(0, 16)}-${body.sizeBytes}"`;
  const kind = query.get('etag') ?? 'strong';
  if (kind === 'strong') headers.etag = tag;
  if (kind === 'weak') headers.etag = `W/${tag}`;
  if (kind === 'none') delete headers['last-modified'];
  if (kind === 'md5') headers.etag = `"${digestOf(body, 'md5', 'hex')}"`;
  if (kind === 's3' || kind === 's3-other') headers['x-amz-request-id'] = 'R';
  if (kind === 's3') headers.etag = `"${digestOf(body, 'md5', 'hex')}"`;
  if (kind === 's3-other') headers.etag = '"0123456789abcdef0123456789abcdef"';
  for (const [parameter, header] of PASSED_ON) {
    const value = query.get(parameter);
    if (value !== null) headers[header] = value;
  }
  Object.assign(headers, digestHeaders(body, query));
  const ranges = query.get('ranges') !== 'none';
  if (ranges) headers['accept-ranges'] = 'bytes';
  const speed = query.get('bps');
  return {
    status: 200,
    headers,
    body,
    framing: 'length',
    ranges,
    ...(speed === null ? {} : { bytesPerSecond: Number(speed) }),
  };
}

const PASSED_ON = [
  ['disposition', 'content-disposition'],
  ['encoding', 'content-encoding'],
  ['language', 'content-language'],
  ['note', 'x-amz-meta-note'],
  ['cache', 'cache-control'],
  ['expires', 'expires'],
] as const;

/** `md5=good|bad`: Content-MD5 (RFC 1864). `sha256=good|bad`: Repr-Digest (RFC 9530) and x-amz-checksum-sha256. */
function digestHeaders(body: OriginBody, query: URLSearchParams): Record<string, string> {
  const headers: Record<string, string> = {};
  const digest = (algorithm: 'md5' | 'sha256', which: string): string =>
    which === 'good'
      ? digestOf(body, algorithm, 'base64')
      : createHash(algorithm).update('other bytes').digest('base64');
  const md5 = query.get('md5');
  if (md5 !== null) headers['content-md5'] = digest('md5', md5);
  const sha256 = query.get('sha256');
  if (sha256 !== null) {
    headers['repr-digest'] = `sha-256=:${digest('sha256', sha256)}:`;
    headers['x-amz-checksum-sha256'] = digest('sha256', sha256);
  }
  return headers;
}
