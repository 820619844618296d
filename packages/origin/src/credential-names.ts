/** Last words of names that carry a credential or a signature: `api_token`, `X-Plex-Token`, `deployKey`. */
const CREDENTIAL_WORDS: ReadonlySet<string> = new Set([
  ...['token', 'sig', 'signature', 'secret', 'key', 'password', 'passwd', 'pwd', 'pass', 'passphrase'],
  ...['passcode', 'credential', 'credentials', 'creds', 'auth', 'authorization', 'authentication'],
  ...['bearer', 'jwt', 'hmac', 'apikey', 'oauth'],
]);

/** Lower-case names that join the words: `accesstoken`. No English word but these compounds ends like that. */
const CREDENTIAL_ENDINGS = new RegExp(
  '(?:token|sig|signature|secret|password|credentials?' +
    '|(?:access|account|api|app|auth|client|consumer|license|private|secret|shared|sign|signing|subscription)key)$',
);

/** Words before `key` that make it no secret: `public_key`, `sort_key`, `cache-key`. */
const PUBLIC_KEYS: ReadonlySet<string> = new Set([
  ...['public', 'pub', 'sort', 'order', 'group', 'cache', 'primary', 'foreign', 'partition'],
]);

/** Names of CDNs' tokens and of key ids that stand beside a signature, in lower case, without separators. */
const CREDENTIAL_NAMES: ReadonlySet<string> = new Set([
  ...['awsaccesskeyid', 'googleaccessid', 'ossaccesskeyid', 'accesskeyid', 'keypairid'],
  ...['hdnts', 'hdnea', 'hdntl', 'gda', 'sas', 'jsessionid', 'phpsessid'],
]);

/** What signing protocols call their parameters, in lower case. */
const CREDENTIAL_PREFIXES: readonly string[] = [
  ...['x-amz-', 'x-goog-', 'x-oss-', 'x-cos-', 'x-obs-', 'x-tos-', 'x-bce-', 'x-ms-sig'],
];

/** Last words of names that carry a credential if their value looks random: `sign`, `session_id`. */
const SUSPECT_WORDS: ReadonlySet<string> = new Set([
  ...['sign', 'sid', 'session', 'sessionid', 'ticket', 'mac', 'cred', 'pin', 'otp', 'ak', 'sk'],
]);

/** Last words of names that hold the digest or version of the content itself: random in looks, but no secret. */
const CONTENT_WORDS: ReadonlySet<string> = new Set([
  ...['sha', 'checksum', 'digest', 'integrity', 'etag', 'ref', 'commit', 'rev', 'revision', 'version'],
  ...['versionid', 'v', 'build', 'blob', 'tree', 'oid'],
]);

/** Names of the time at which a signed URL ends. */
const EXPIRY_WORDS: ReadonlySet<string> = new Set([
  ...['expires', 'expire', 'expiry', 'expiration', 'exp', 'validto', 'validuntil', 'until', 'deadline'],
  ...['expiresat', 'expireat', 'expirytime', 'expiretime', 'expirationtime', 'e', 'se'],
]);

/** What the name of a query parameter says about its value. */
export type NameKind = 'credential' | 'suspect' | 'content' | 'expiry' | 'other';

/**
 * Judges the name of a query parameter by its last word. Words end at a separator (`_`, `-`, `.`, …) or at a capital, so
 * `deploy_token` and `X-Plex-Token` are credentials while `monkey` and `design` are not. Digits at the end do not count.
 * Each part of an array's name counts: `user[api_token][0]`.
 */
export function kindOfName(name: string): NameKind {
  const kinds = name
    .split(/[[\]]/)
    .filter((part) => part !== '')
    .map(kindOfPart);
  return (
    (['credential', 'suspect', 'expiry', 'content'] as const).find((kind) => kinds.includes(kind)) ?? 'other'
  );
}

function kindOfPart(part: string): NameKind {
  const lower = part.toLowerCase();
  if (CREDENTIAL_PREFIXES.some((prefix) => lower.startsWith(prefix))) return 'credential';
  const words = wordsOf(part);
  const last = words.at(-1) ?? '';
  const joined = words.join('');
  if (CREDENTIAL_NAMES.has(joined)) return 'credential';
  if (last === 'key' && PUBLIC_KEYS.has(words.at(-2) ?? '')) return 'other';
  if (CREDENTIAL_WORDS.has(last) || CREDENTIAL_ENDINGS.test(last)) return 'credential';
  // `access_key_id` and `AWSAccessKeyId`: the id that goes with a signature.
  if (/access(?:key)?id$/.test(joined)) return 'credential';
  if (SUSPECT_WORDS.has(last) || SUSPECT_WORDS.has(joined) || joined.endsWith('sessionid')) return 'suspect';
  if (EXPIRY_WORDS.has(last) || EXPIRY_WORDS.has(joined) || /(?:valid(?:to|until)|expires?at)$/.test(joined))
    return 'expiry';
  return CONTENT_WORDS.has(last) ? 'content' : 'other';
}

/** The words of a name, in lower case: `X-PlexToken2` has `x`, `plex` and `token`. */
function wordsOf(part: string): string[] {
  return part
    .replace(/([a-z0-9])(?=[A-Z])/g, '$1_')
    .replace(/([A-Z])(?=[A-Z][a-z])/g, '$1_')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .map((word) => word.replace(/\d+$/, ''))
    .filter((word) => word !== '');
}
