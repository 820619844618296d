import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { failure, type S3Answer } from './s3-rules.ts';

/** A request as it arrived. */
export interface SignedRequest {
  readonly method: string;
  /** The path with its query, as on the request line. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

export interface SignatureRules {
  /** The secret of each access key. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Whether anybody may read and list objects without a signature. */
  readonly publicRead: boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** What a request states about its signature, in its query or in its `Authorization` header. */
interface Claim {
  readonly algorithm: string;
  readonly credential: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** `YYYYMMDDTHHMMSSZ` */
  readonly date: string;
  /** For how many seconds the signature is valid; null for one in the header. */
  readonly expires: number | null;
  readonly payload: string;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
const WEEK_SECONDS = 604_800;
const SKEW_MILLISECONDS = 15 * 60_000;

/**
 * Verifies a Signature Version 4 as S3 does: the secret, the method, the path, the query, the signed headers, the scope,
 * the validity, and the hash of the payload if it is signed. Each `x-amz-*` header must be signed.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html,
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 * @returns the refusal; null if the request may be performed
 */
export function refusalOfSignature(request: SignedRequest, rules: SignatureRules): S3Answer | null {
  const claim = claimOf(request);
  if (claim === null) {
    const reads = ['GET', 'HEAD'].includes(request.method);
    return rules.publicRead && reads ? null : failure(403, 'AccessDenied', 'Access Denied');
  }
  return (
    malformed(claim) ??
    outOfTime(claim, rules.now()) ??
    unsignedHeader(claim, request.headers) ??
    wrongSignature(claim, request, rules.secrets) ??
    wrongPayload(claim, request.body)
  );
}

function claimOf({ path, headers }: SignedRequest): Claim | null {
  const query = new Map(parametersOf(path).map(({ name, value }) => [name, value]));
  if (query.has('X-Amz-Signature') || query.has('X-Amz-Algorithm'))
    return {
      algorithm: query.get('X-Amz-Algorithm') ?? '',
      credential: query.get('X-Amz-Credential') ?? '',
      signedHeaders: (query.get('X-Amz-SignedHeaders') ?? '').split(';'),
      signature: query.get('X-Amz-Signature') ?? '',
      date: query.get('X-Amz-Date') ?? '',
      expires: Number(query.get('X-Amz-Expires') ?? 'NaN'),
      payload:
        query.get('X-Amz-Content-Sha256') ?? headerOf(headers, 'x-amz-content-sha256') ?? 'UNSIGNED-PAYLOAD',
    };
  const { authorization } = headers;
  if (authorization === undefined) return null;
  const field = (name: string): string => new RegExp(`[ ,]${name}=([^, ]*)`).exec(authorization)?.[1] ?? '';
  return {
    algorithm: authorization.split(' ', 1)[0] ?? '',
    credential: field('Credential'),
    signedHeaders: field('SignedHeaders').split(';'),
    signature: field('Signature'),
    date: headerOf(headers, 'x-amz-date') ?? '',
    expires: null,
    payload: headerOf(headers, 'x-amz-content-sha256') ?? 'UNSIGNED-PAYLOAD',
  };
}

function malformed({ algorithm, credential, date, signedHeaders, expires }: Claim): S3Answer | null {
  const fault = (message: string): S3Answer =>
    failure(
      400,
      expires === null ? 'AuthorizationHeaderMalformed' : 'AuthorizationQueryParametersError',
      message,
    );
  if (algorithm !== ALGORITHM) return fault(`the algorithm must be ${ALGORITHM}`);
  if (!/^\d{8}T\d{6}Z$/.test(date)) return fault('the date must be YYYYMMDDTHHMMSSZ');
  if (!/^[^/]+\/\d{8}\/[^/]+\/s3\/aws4_request$/.test(credential))
    return fault('the credential must be KEY/YYYYMMDD/REGION/s3/aws4_request');
  if (credential.split('/')[1] !== date.slice(0, 8)) return fault('the scope has another day than the date');
  if (!signedHeaders.includes('host')) return fault('the header host must be signed');
  if (expires !== null && !(Number.isInteger(expires) && expires >= 1 && expires <= WEEK_SECONDS))
    return fault(`X-Amz-Expires must be between 1 and ${WEEK_SECONDS}`);
  return null;
}

function outOfTime({ date, expires }: Claim, now: number): S3Answer | null {
  const signedAt = Date.parse(
    date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'),
  );
  if (expires === null)
    return Math.abs(now - signedAt) <= SKEW_MILLISECONDS
      ? null
      : failure(403, 'RequestTimeTooSkewed', 'The clocks of client and server differ too much');
  if (now < signedAt - SKEW_MILLISECONDS) return failure(403, 'AccessDenied', 'Request is not valid yet');
  return now <= signedAt + expires * 1000 ? null : failure(403, 'AccessDenied', 'Request has expired');
}

function unsignedHeader({ signedHeaders, expires }: Claim, headers: IncomingHttpHeaders): S3Answer | null {
  // The hash of the payload is part of every signature in a header, whether or not the header is listed.
  const optional = expires === null ? 'x-amz-content-sha256' : '';
  const unsigned = Object.keys(headers).find(
    (name) => name.startsWith('x-amz-') && name !== optional && !signedHeaders.includes(name),
  );
  return unsigned === undefined
    ? null
    : failure(403, 'AccessDenied', `There were headers present which were not signed: ${unsigned}`);
}

function wrongSignature(
  claim: Claim,
  { method, path, headers }: SignedRequest,
  secrets: Readonly<Record<string, string>>,
): S3Answer | null {
  const [accessKeyId = '', ...scope] = claim.credential.split('/');
  const secret = secrets[accessKeyId];
  if (secret === undefined)
    return failure(403, 'InvalidAccessKeyId', 'The access key does not exist in our records');
  const query = parametersOf(path)
    .filter(({ name }) => name !== 'X-Amz-Signature')
    .map(({ name, value }) => [encodeText(name), encodeText(value)] as const)
    .sort(([a, c], [b, d]) => (a < b || (a === b && c < d) ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  const lines = claim.signedHeaders.map(
    (name) => `${name}:${(headerOf(headers, name) ?? '').trim().replace(/\s+/g, ' ')}\n`,
  );
  const request = [
    method,
    canonicalPath(path),
    query,
    lines.join(''),
    claim.signedHeaders.join(';'),
    claim.payload,
  ].join('\n');
  const text = [ALGORITHM, claim.date, scope.join('/'), sha256(request)].join('\n');
  const key = scope.reduce<Buffer>((last, part) => hmac(last, part), Buffer.from(`AWS4${secret}`));
  const expected = hmac(key, text);
  const found = Buffer.from(claim.signature, 'hex');
  return found.length === expected.length && timingSafeEqual(found, expected)
    ? null
    : failure(403, 'SignatureDoesNotMatch', 'The calculated signature differs from the provided one');
}

function wrongPayload({ payload }: Claim, body: unknown): S3Answer | null {
  if (!/^[0-9a-f]{64}$/.test(payload)) return null;
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : '');
  return sha256(bytes) === payload
    ? null
    : failure(400, 'XAmzContentSHA256Mismatch', 'The provided hash differs from that of the payload');
}

/** S3 decodes the path once and encodes it again, without removing dot segments. */
function canonicalPath(path: string): string {
  const [raw = ''] = path.split('?', 1);
  return raw
    .split('/')
    .map((segment) => encodeText(decodeURIComponent(segment)))
    .join('/');
}

function parametersOf(path: string): { name: string; value: string }[] {
  const query = path.includes('?') ? path.slice(path.indexOf('?') + 1) : '';
  return query
    .split('&')
    .filter((parameter) => parameter !== '')
    .map((parameter) => {
      const [name = '', value = ''] = parameter.split(/=(.*)/s, 2);
      return { name: decodeURIComponent(name), value: decodeURIComponent(value) };
    });
}

function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}

function encodeText(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
