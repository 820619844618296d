/**
 * Names of query parameters, in lower case, that make a URL a bearer credential: AWS signature version 2, CloudFront,
 * Azure and Google signatures, CDN tokens, and common names of tokens.
 */
const CREDENTIAL_PARAMETERS: ReadonlySet<string> = new Set([
  'sig',
  'signature',
  'token',
  'awsaccesskeyid',
  'googleaccessid',
  'ossaccesskeyid',
  'key-pair-id',
  'q-signature',
  'access_token',
  'access-token',
  'accesstoken',
  'auth_token',
  'authtoken',
  'authorization',
  'private_token',
  'job_token',
  'id_token',
  'sas_token',
  'jwt',
  'api_key',
  'api-key',
  'apikey',
  'client_secret',
  'password',
  'hdnts',
  'hdnea',
  'hdntl',
  '__token__',
  '__gda__',
]);

const CREDENTIAL_PREFIXES: readonly string[] = [
  'x-amz-',
  'x-goog-',
  'x-oss-',
  'x-cos-',
  'x-ms-sig',
  'x-obs-',
];

/**
 * The first parameter, as listed above, that carries a signature or token; `null` if there is none. Compares names
 * case-insensitively after percent-decoding, and treats `;` as a separator too, as some servers do.
 */
export function signedQueryParameter(url: URL): string | null {
  if (url.search === '') return null;
  for (const name of new URLSearchParams(url.search.replaceAll(';', '&')).keys()) {
    const bare = name
      .trim()
      .toLowerCase()
      .replace(/\[[^\]]*\]$/, '');
    if (CREDENTIAL_PARAMETERS.has(bare)) return bare;
    const prefix = CREDENTIAL_PREFIXES.find((start) => bare.startsWith(start));
    if (prefix !== undefined) return `${prefix}*`;
  }
  return null;
}
