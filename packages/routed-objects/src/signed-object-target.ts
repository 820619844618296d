/** The path below which the front end serves the objects of folders. */
export const OBJECTS_PATH = '/v1/objects/';

/** The parsed target of a request to a signed address. */
export interface SignedObjectTarget {
  readonly store: string;
  readonly service: string;
  readonly region: string;
  readonly key: string;
  /** The parameters before `expires`, decoded. */
  readonly query: ReadonlyMap<string, string>;
  /** Seconds since 1970. */
  readonly expires: number;
  /** Sorted names in lower case. */
  readonly signedHeaders: readonly string[];
  /** The raw query that the signature covers. */
  readonly signedQuery: string;
  readonly signature: Buffer;
}

const PATH = /^\/v1\/objects\/([^/]+)\/([^/]+)\/(.+)$/s;
const QUERY = /^(?:(.*)&)?expires=(\d{1,12})&headers=([a-z0-9;-]*)$/s;
const SIGNATURE = /^(.*)&signature=([0-9a-f]{64})$/s;

/**
 * Parses the target of a request.
 * @param rawPath as the client sent it
 * @param rawQuery without the `?`
 * @returns null if the target is not a signed address of this program
 */
export function parseSignedObjectTarget(rawPath: string, rawQuery: string): SignedObjectTarget | null {
  if (!rawPath.startsWith(OBJECTS_PATH)) return null;
  const [, signedQuery, signature] = SIGNATURE.exec(rawQuery) ?? [];
  const [, service, region, rawKey] = PATH.exec(rawPath) ?? [];
  if (signedQuery === undefined || signature === undefined) return null;
  if (service === undefined || region === undefined || rawKey === undefined) return null;
  const [, own = '', expires, headers] = QUERY.exec(signedQuery) ?? [];
  const key = decoded(rawKey);
  if (expires === undefined || headers === undefined || key === null) return null;
  const query = new Map<string, string>();
  for (const parameter of own === '' ? [] : own.split('&')) {
    const equals = parameter.indexOf('=');
    const name = decoded(parameter.slice(0, equals));
    const value = decoded(parameter.slice(equals + 1));
    if (equals === -1 || name === null || value === null) return null;
    query.set(name, value);
  }
  return {
    store: `${service}/${region}`,
    service,
    region,
    key,
    query,
    expires: Number(expires),
    signedHeaders: headers === '' ? [] : headers.split(';'),
    signedQuery,
    signature: Buffer.from(signature, 'hex'),
  };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
