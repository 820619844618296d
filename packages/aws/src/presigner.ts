import { createHmac, hash } from 'node:crypto';

/** What signs; as the SDK's own providers of credentials give it. */
export interface SigningCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** What is signed. Whoever follows the address is bound to its method, path and query, the host, and `headers`. */
export interface UnsignedAddress {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE' | 'POST';
  /** With its port where that is not the scheme's own. */
  readonly host: string;
  /** Percent-encoded, segment by segment. */
  readonly path: string;
  /** How long the address works from `date`. */
  readonly seconds: number;
  /** Sub-resources and other parameters, not encoded: `{ uploadId: 'x', partNumber: '1' }`, `{ uploads: '' }`. */
  readonly query?: Readonly<Record<string, string>> | undefined;
  /** Headers that have to be sent with just these values, beside `host`. Names in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

interface Unsigned {
  /** Since 1970. */
  readonly second: number;
  /** Life of the address. */
  readonly seconds: number;
  /** The very ones: providers give new ones when they change. */
  readonly credentials: SigningCredentials;
  /** All parameters but `X-Amz-SignedHeaders`. */
  readonly query: string;
  readonly time: string;
  readonly scope: string;
  readonly hmac: HmacSha256;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';

/**
 * Query parameters that sign an address of S3, AWS Signature Version 4:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html. The SDK's presigner gives the same ones in
 * five times the time, which on the path of every redirect was more than all else.
 */
export class Presigner {
  readonly #region: string;
  /** Signing keys hold for a day, a region and a secret. */
  #key: { readonly day: string; readonly secret: string; readonly hmac: HmacSha256 } | null = null;
  #last: Unsigned | null = null;

  constructor(region: string) {
    this.#region = region;
  }

  /** The query, without its `?`. It includes `query` of the address. */
  sign(
    { method, host, path, seconds, query: own = {}, headers = {} }: UnsignedAddress,
    credentials: SigningCredentials,
    date: Date,
  ): string {
    const { query: common, time, scope, hmac } = this.#unsigned(credentials, date, seconds);
    const signed: readonly (readonly [string, string])[] = [['host', host], ...Object.entries(headers)];
    const isPlain = signed.length === 1 && Object.keys(own).length === 0;
    const query = isPlain ? `${common}&X-Amz-SignedHeaders=host` : withOwn(common, own, signed);
    const request = `${method}\n${path}\n${query}\n${canonicalHeaders(signed)}\nUNSIGNED-PAYLOAD`;
    const signature = hmac.hex(`${ALGORITHM}\n${time}\n${scope}\n${hash('sha256', request)}`);
    return `${query}&X-Amz-Signature=${signature}`;
  }

  /** What all addresses that are signed in one second for the same time have in common. */
  #unsigned(credentials: SigningCredentials, date: Date, seconds: number): Unsigned {
    const second = Math.floor(date.getTime() / 1000);
    const last = this.#last;
    if (last?.second === second && last.seconds === seconds && last.credentials === credentials) return last;
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    const time = new Date(second * 1000).toISOString().replace(/[-:]|\.\d+/g, '');
    const day = time.slice(0, 8);
    const scope = `${day}/${this.#region}/s3/aws4_request`;
    // In the order of their names, which is the one that is signed.
    const query = [
      `X-Amz-Algorithm=${ALGORITHM}`,
      'X-Amz-Content-Sha256=UNSIGNED-PAYLOAD',
      `X-Amz-Credential=${encodeText(`${accessKeyId}/${scope}`)}`,
      `X-Amz-Date=${time}`,
      `X-Amz-Expires=${seconds}`,
      ...(sessionToken === undefined ? [] : [`X-Amz-Security-Token=${encodeText(sessionToken)}`]),
    ].join('&');
    const hmac = this.#signing(day, secretAccessKey);
    return (this.#last = { second, seconds, credentials, query, time, scope, hmac });
  }

  #signing(day: string, secret: string): HmacSha256 {
    if (this.#key?.day !== day || this.#key.secret !== secret) {
      let key = Buffer.from(`AWS4${secret}`);
      for (const part of [day, this.#region, 's3', 'aws4_request'])
        key = createHmac('sha256', key).update(part).digest();
      this.#key = { day, secret, hmac: new HmacSha256(key) };
    }
    return this.#key.hmac;
  }
}

/** All parameters in the order of their names, which is the one that is signed. */
function withOwn(
  common: string,
  own: Readonly<Record<string, string>>,
  headers: readonly (readonly [string, string])[],
): string {
  const parameters = [
    ...common.split('&').map((parameter) => parameter.split('=') as [string, string]),
    ['X-Amz-SignedHeaders', encodeText(namesOf(headers))] as const,
    ...Object.entries(own).map(([name, value]) => [encodeText(name), encodeText(value)] as const),
  ];
  return parameters
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
function canonicalHeaders(headers: readonly (readonly [string, string])[]): string {
  const lines = headers.map(([name, value]) => `${name}:${value.trim().replace(/\s+/g, ' ')}\n`);
  return `${lines.sort().join('')}\n${namesOf(headers)}`;
}

function namesOf(headers: readonly (readonly [string, string])[]): string {
  return headers
    .map(([name]) => name)
    .sort()
    .join(';');
}

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;

/**
 * HMAC-SHA-256 (RFC 2104) with a key of at most a block, by two plain digests: `createHmac` sets up the key anew for each
 * text, which takes six times as long.
 */
class HmacSha256 {
  readonly #inner = Buffer.alloc(BLOCK_BYTES, 0x36);
  /** With room for the inner digest. */
  readonly #outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES, 0x5c);

  constructor(key: Buffer) {
    for (const [index, byte] of key.entries()) {
      this.#inner.writeUInt8(byte ^ 0x36, index);
      this.#outer.writeUInt8(byte ^ 0x5c, index);
    }
  }

  hex(text: string): string {
    // As text: to get a buffer takes a microsecond more, since it is memory of its own outside of V8's heap.
    const inner = hash('sha256', Buffer.concat([this.#inner, Buffer.from(text)]));
    this.#outer.write(inner, BLOCK_BYTES, 'hex');
    return hash('sha256', this.#outer);
  }
}

/** For a path segment or a query. S3 wants the characters encoded as well that encodeURIComponent leaves: `!'()*`. */
export function encodeText(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
