const SHORTEST_RANDOM = 16;
/** Bits of entropy for each character. English words and paths have 2.5 to 3.3 at this length, random hex has 3.5 to 4. */
const LEAST_ENTROPY = 3.2;
const LONGEST_JUDGED = 4096;

/** A JSON Web Token or another signed token of three parts, of which the first is a JSON object in base64url (RFC 7519). */
const JSON_WEB_TOKEN = /(?:^|[^\w-])eyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*/;

/** Tokens that their issuers mark: AWS, GitHub, GitLab, Google, npm, PyPI, Slack. */
const MARKED_TOKEN = new RegExp(
  '^(?:(?:AKIA|ASIA)[0-9A-Z]{16}$|gh[oprsu]_\\w{30}|github_pat_\\w{30}|glpat-[\\w-]{18}|AIza[\\w-]{35}$' +
    '|npm_\\w{30}|pypi-[\\w-]{30}|xox[abpr]-[\\w-]{20})',
);

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** A value that is a credential whatever its parameter's name is. */
export function isTokenValue(value: string): boolean {
  return JSON_WEB_TOKEN.test(value) || MARKED_TOKEN.test(value);
}

/**
 * Whether a value looks like random bytes: a UUID, hex, base64, or a text with such parts (`1700000000-0-<mac>`). File
 * names, versions and sentences do not.
 */
export function looksRandom(value: string): boolean {
  if (value.length < SHORTEST_RANDOM) return false;
  if (UUID.test(value)) return true;
  // Without padding, a `/` more often separates the parts of a path than it is a digit of base64.
  const separators = value.endsWith('=') ? /[^A-Za-z0-9+/=]/ : /[^A-Za-z0-9+]/;
  return value.slice(0, LONGEST_JUDGED).split(separators).some(isRandomRun);
}

/** Whether a value is a time followed by a random text, as in Cloudflare's `?verify=1700000000-<mac>`. */
export function isDatedMac(value: string): boolean {
  return /^\d{10}[-_.~:]/.test(value) && looksRandom(value.slice(10));
}

function isRandomRun(run: string): boolean {
  if (run.length < SHORTEST_RANDOM || /^\d+$/.test(run)) return false;
  const body = run.replace(/=+$/, '');
  const classes = [/[0-9]/, /[a-z]/, /[A-Z]/].filter((each) => each.test(body)).length;
  return classes >= 2 && entropyOf(body) >= LEAST_ENTROPY;
}

/** Whether a value can be a point in time: seconds (also in hex) or milliseconds since 1970, or a date and time. */
export function looksLikeTime(value: string): boolean {
  return /^(?:\d{9,13}|[0-9a-f]{8})$/i.test(value) || /^\d{4}-?\d\d-?\d\dT[\d:.]+/.test(value);
}

/** Shannon's entropy of the characters' frequencies, in bits for each character. */
function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
