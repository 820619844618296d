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
 * Whether the query carries a signature or token, judged by the parameters' names: without regard to case, after
 * percent-decoding, and with `;` as another separator (some servers split there).
 */
export function hasSignedQuery(url: URL): boolean {
  if (url.search === '') return false;
  for (const name of new URLSearchParams(url.search.replaceAll(';', '&')).keys()) {
    const bare = name
      .trim()
      .toLowerCase()
      .replace(/\[[^\]]*\]$/, '');
    if (CREDENTIAL_PARAMETERS.has(bare) || CREDENTIAL_PREFIXES.some((prefix) => bare.startsWith(prefix)))
      return true;
  }
  return false;
}
