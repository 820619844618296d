import { HttpProblem } from '@cloud-mirror/http-service';

/** The entity tag of a revision. */
export function entityTag(revision: string): string {
  return `"${revision}"`;
}

const LIST = /^\s*(?:,\s*)*(?:(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"\s*(?:,\s*)*)+$/;
const TAG = /(W\/)?"([^"]*)"/g;

/**
 * Parses `If-Match` (RFC 9110, section 13.1.1).
 * @returns whether a change may apply to a revision. Weak tags never match, as the section demands
 * @throws HttpProblem 400 if the header is no list of entity tags
 */
export function parseIfMatch(header: string | undefined): (revision: string) => boolean {
  if (header === undefined || header.trim() === '*') return () => true;
  if (!LIST.test(header))
    throw new HttpProblem(400, 'if_match_malformed', 'If-Match is no list of entity tags in double quotes.');
  const strong = [...header.matchAll(TAG)].flatMap(([, weak, tag = '']) => (weak === undefined ? [tag] : []));
  return (revision) => strong.includes(revision);
}
