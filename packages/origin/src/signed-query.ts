/**
 * Names of query parameters, in lower case, that make a URL a bearer credential: AWS signature 2 and CloudFront, Azure
 * and Google signatures, CDN tokens, and what services usually call a token.
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
 * The kind of parameter that makes the query a signature or token, as listed here; `null` where there is none. Judged
 * by the parameters' names: without regard to case, after percent-decoding, and with `;` as another separator (some
 * servers split there).
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
