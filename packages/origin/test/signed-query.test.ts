import { describe, expect, test } from 'vitest';
import { signatureInQuery } from '../src/signed-query.ts';

const HEX_32 = '9e107d9d372bb6826bd81d3542a419d6';
const HEX_40 = '2fd4e1c67a2d28fced849ee1bb76e7391b93eb12';
const HEX_64 = 'd7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592';
const UUID = '0b3f9d0a-6f0e-4d0c-8a86-2f1d9f0f7a55';
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U';

function found(query: string): string | null {
  return signatureInQuery(new URL(`https://origin.test/token/sig/file.tar.gz?${query}`));
}

describe('names of credentials', () => {
  test.each([
    ...[
      'X-Amz-Signature',
      'X-Amz-Credential',
      'x-amz-security-token',
      'X-Goog-Signature',
      'X-Goog-Credential',
    ],
    ...['X-Oss-Signature', 'q-signature', 'X-Cos-Security-Token', 'X-Tos-Signature', 'X-Tos-Credential'],
    ...['X-Obs-Date', 'X-Bce-Date', 'X-Ms-Signature', 'AWSAccessKeyId', 'GoogleAccessId', 'OSSAccessKeyId'],
    ...[
      'Key-Pair-Id',
      'Signature',
      'SIGNATURE',
      'sig',
      'vsig',
      'lsig',
      'url_sig',
      'temp_url_sig',
      'tempUrlSig',
    ],
    ...['auth_key', 'authKey', 'authkey', 'AUTHKEY', 'auth', '_auth', '_authToken', 'X-Auth-Token', 'oauth'],
    ...[
      'oauth_signature',
      'oauth_token',
      'oauth_consumer_key',
      'X-Plex-Token',
      'x-plex-token',
      'deploy_token',
    ],
    ...['api_token', 'apitoken', 'apiToken', 'api.token', 'api-key', 'api_key', 'apikey', 'apiKey', 'APIKey'],
    ...[
      'X-Api-Key',
      'key',
      'Key',
      'token',
      'Token',
      'TOKEN',
      'token2',
      'token_1',
      'access_token',
      'accesstoken',
    ],
    ...[
      'accessToken',
      'access-token',
      'auth_token',
      'private_token',
      'privateToken',
      'job_token',
      'id_token',
    ],
    ...['refresh_token', 'sas_token', 'sasToken', 'SharedAccessSignature', 'Ocp-Apim-Subscription-Key'],
    ...[
      'subscription-key',
      'license_key',
      'licenseKey',
      'client_secret',
      'clientSecret',
      'wsSecret',
      'txSecret',
    ],
    ...[
      'secret',
      'shared_secret',
      'secretkey',
      'password',
      'Password',
      'user_password',
      'passwd',
      'pwd',
      'pass',
    ],
    ...['passphrase', 'credential', 'credentials', 'X-Vendor-Credential', 'authorization', 'Authorization'],
    ...[
      'bearer',
      'bearer_token',
      'jwt',
      'hmac',
      'hdnts',
      'hdnea',
      'hdntl',
      '__token__',
      '__gda__',
      'dl_token',
    ],
    ...[
      'download-token',
      'feed_token',
      'csrf_token',
      'npm_token',
      'vault.token',
      'X-Security-Token',
      'sessiontoken',
    ],
  ])('%s', (name) => {
    expect(found(`${name}=1`)).toBe(name.toLowerCase());
    expect(found(`v=1&${name}=x&w=2`)).toBe(name.toLowerCase());
    expect(found(name)).toBe(name.toLowerCase());
  });

  test.each([
    ['another separator', 'v=1;api_token=x'],
    ['percent-encoded letters', 'api%5Ft%6Fken=x'],
    ['percent-encoded letters in lower case', '%74oken=x'],
    ['letters encoded twice', '%2574oken=x'],
    ['letters encoded three times', '%252574oken=x'],
    ['an encoding of IIS', '%u0074oken=x'],
    ['an encoded equals sign', 'token%3Dx'],
    ['encoded separators', 'v=1%26token%3Dx'],
    ['white space', 'v=1&%20token+=x'],
    ['a control character', 'to%00ken=x'],
    ['an array', 'token[]=x'],
    ['an array with an index', 'token[0]=x'],
    ['a nested array', 'user[api_token][0]=x'],
    ['an encoded array', 'user%5Bapi_token%5D=x'],
    ['the name of an array', 'token[value]=x'],
    ['a URL as a value', 'url=https%3A%2F%2Fcdn.test%2Ff%3Ftoken%3Dx'],
    ['a URL as a value, not encoded', 'url=https://cdn.test/f?token=x'],
    ['an empty value', 'token='],
    ['a name among empty parameters', '&&;&token=x'],
  ])('%s: %s', (_, query) => {
    expect(found(query)).not.toBeNull();
  });
});

describe('values of credentials', () => {
  test.each([
    ['a JSON Web Token', `t=${JWT}`],
    ['a JSON Web Token after a word', `t=Bearer%20${JWT}`],
    ['a JSON Web Token without a name', JWT],
    ['a token of GitHub', `t=ghp_${'a1B2'.repeat(9)}`],
    ['a token of GitLab', 't=glpat-x1Yz_2AbCdEfGhIjKlMn'],
    ['an access key id of AWS', 'id=AKIAIOSFODNN7EXAMPLE'],
    ['an API key of Google', `k=AIza${'Sy1-'.repeat(8)}abc`],
    ["nginx's secure link", `md5=${HEX_32}&expires=1700000000`],
    ["nginx's secure link in base64url", 'md5=cGVsaWNhbiBicmllZiBoYQ&e=1700000000'],
    ['a hash beside an expiry', `validto=1700000000&hash=${HEX_40}`],
    ['a hash beside a date', `h=${HEX_64}&se=2026-01-02T03:04:05Z`],
    ['a hash beside a duration', `h=${HEX_40}&X-Vendor-Expires=300`],
    ['a UUID beside an expiry', `grant=${UUID}&exp=1700000000`],
    ['base64 beside an expiry', 'h=n4bQgYhMfWWaL%2BqgxVrQFaO%2FTxsrC4Is0V1sFbDwCgg%3D&exp=1700000000'],
    ['an expiry in a nested query', `u=%2Ff%3Fh%3D${HEX_40}%26expires%3D1700000000`],
    ['a random text without a name beside an expiry', `${HEX_40}&expires=1700000000`],
    ['a time and a code in one value', `verify=1700000000-${HEX_40}`],
    ['a signature named sign', `sign=${HEX_32}&t=1700000000`],
    ['a session', `PHPSESSID=${HEX_32}`],
    ['a session in camel case', `sessionId=${UUID}`],
  ])('%s: %s', (_, query) => {
    expect(found(query)).not.toBeNull();
  });

  test.each([`t=${JWT}`, JWT, `x%00${HEX_40}=1&token=x`, `${HEX_40.repeat(3)}_token=1`, 't%3Cb%3E_token=1'])(
    'the description of %s has no value and no unusual name',
    (query) => {
      expect(found(query)).toMatch(/^[\w. ]+$/);
      expect(found(query)).not.toContain(query.slice(0, 20));
      expect(found(query)).not.toContain(HEX_40.repeat(3));
    },
  );
});

test.each([
  '',
  'monkey=1',
  'turkey=1',
  'Donkey=2',
  'hockey=1',
  'design=3',
  'assign=1',
  'tokens=2',
  'tokenizer=bpe',
  'keyword=a',
  'keyboard=us',
  'keys=a,b',
  'signed=false',
  'sign=plus',
  'sigma=1',
  'signal=9',
  'author=me',
  'authority=x',
  'authors=2',
  'secretary=x',
  'x=token',
  'x=sig',
  'compass=1',
  'bypass=1',
  'public_key=abc',
  'publicKey=abc',
  'sort_key=name',
  'cache-key=7',
  'session=5',
  'pin=1234',
  'e=1',
  'exp=2',
  'amz=x',
  'versionId=1',
  `sha256=${HEX_64}`,
  `v=${HEX_40}`,
  `v=${HEX_32}&t=1700000000`,
  `hash=${HEX_64}`,
  `checksum=sha256:${HEX_64}`,
  `checksum=md5:${HEX_32}`,
  'archive=tar.gz',
  `archive=zip&rev=${HEX_40}`,
  `ref=${HEX_40}`,
  `commit=${HEX_40}`,
  `commit=${HEX_40}&expires=1700000000`,
  `id=${UUID}`,
  `id=${UUID}&_=1700000000000`,
  'download=1',
  'raw=true',
  'inline=false',
  'ref_type=tags',
  'path=releases/2026/linux-amd64&expires=1700000000',
  'response-content-disposition=attachment%3B%20filename%3Dtool.tar.gz',
  'r=releases&g=org.example&a=library&v=1.2.3&e=jar',
  'sort=version&repository=maven-releases&maven.extension=jar',
  'name=left-pad&version=1.3.0',
  'remote=https%3A%2F%2Fexample.com%2Fa.tgz%3Fv%3D1',
  ':action=download&name=six&version=1.16.0',
  'p=repo.git;a=snapshot;h=HEAD;sf=tgz',
  'format=json&from=2026-01-01T00:00:00Z&until=2026-01-02T00:00:00Z',
  'expires=1700000000',
  'path=%2Fsrc%2Ftokens%2Fkey.ts',
  '%zz=%',
  'q=caf%C3%A9',
])('an artifact may have the query %s', (query) => {
  expect(found(query)).toBeNull();
});

// Quadratic time would take minutes for each, and so exceed the time limit of a test.
test.each(['eyJ', 'a%25', '[a]', 'aB', 'a1-', '&', '%2525', 'eyJaaaaaaaa.', '1700000000-', 'x=a1B2c3', '?'])(
  'a long query of %s takes linear time',
  (shape) => {
    const query = `expires=1700000000&x${shape.repeat(524_288 / shape.length)}`;
    expect(() => found(query)).not.toThrow();
  },
);
