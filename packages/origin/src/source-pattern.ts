import { compileLinear, type LinearPattern } from './linear-pattern.ts';
import { faultOfCost } from './pattern-cost.ts';
import {
  parsePattern,
  PatternSyntaxError,
  type PatternNode,
  type PatternSequence,
} from './pattern-syntax.ts';

const MAX_PATTERN_CHARACTERS = 1000;

/** What a class may match in a host, and what a literal may be: also a port's colon and the brackets of IPv6. */
const HOST_CLASS = /^[A-Za-z0-9._-]$/;
const HOST_LITERAL = /^[a-z0-9._:[\]-]$/;

/**
 * What is wrong with the `pattern` of a source rule, for the operator; `null` if it is valid.
 *
 * A pattern is a JavaScript regular expression without flags, tested on the whole normal form of a URL. It must begin
 * with `^`, the scheme and `://`, and then fix the host (and the port, if any) up to the `/` that ends it. Before that
 * `/`, only literals may match a `/`, `@` or `:`, and a dot must be written `\.`.
 * Look-around, back-references and named groups are refused because RE2, which does the matching, lacks them or
 * interprets them differently. Ambiguous patterns are refused too (see `pattern-cost.ts`).
 */
export function checkPattern(text: string): string | null {
  if (text.length > MAX_PATTERN_CHARACTERS)
    return `must be at most ${MAX_PATTERN_CHARACTERS} characters long`;
  if (!text.startsWith('^')) return 'must begin with ^';
  try {
    const alternatives = parsePattern(text);
    const fault = faultOfShape(alternatives) ?? faultOfCost(alternatives);
    if (fault === null) compileLinear(alternatives);
    return fault;
  } catch (error) {
    if (error instanceof PatternSyntaxError || error instanceof RangeError) return error.message;
    throw error;
  }
}

/** Compiles a pattern that {@link checkPattern} accepts, for tests on normal forms of URLs. */
export function compilePattern(text: string): LinearPattern {
  return compileLinear(parsePattern(text));
}

/** Whether a pattern that {@link checkPattern} accepts allows only some of the paths of its hosts. */
export function patternLimitsPath(text: string): boolean {
  const sequence = parsePattern(text)[0] ?? [];
  const path = sequence.slice(hostEnd(sequence) + 1).filter(({ kind }) => kind !== 'end');
  const isAnything = (node: PatternNode | undefined): boolean =>
    node?.kind === 'characters' && node.set.size >= 126 && node.min === 0 && node.max === Infinity;
  return path.length > 0 && !(path.length === 1 && isAnything(path[0]));
}

/** Whether a pattern that {@link checkPattern} accepts allows hosts of any domain: its last label is not a literal. */
export function patternOpensAnyHost(text: string): boolean {
  const sequence = parsePattern(text)[0] ?? [];
  const host = sequence.slice(hostBegin(sequence), hostEnd(sequence));
  const last = host.findLast((node) => !isPort(node));
  return last?.kind === 'characters' && last.literal === null && last.set.has('a');
}

/** Whether a node belongs to the port: a group that begins with a colon, a colon, or digits. */
function isPort(node: PatternNode): boolean {
  if (node.kind === 'group')
    return node.alternatives.every(([first]) => first !== undefined && isLiteral(first, ':'));
  return (
    node.kind === 'characters' && (node.literal === ':' || [...node.set].every((each) => /\d/.test(each)))
  );
}

function faultOfShape(alternatives: readonly PatternSequence[]): string | null {
  const [sequence, ...others] = alternatives;
  if (sequence === undefined || others.length > 0)
    return 'must not have a | outside of a group: the ^ would apply to the first alternative only';
  if (sequence.slice(1).some(containsStart)) return 'must have its ^ at the beginning only';
  if (hostBegin(sequence) < 0) return 'must begin with ^https:// (or ^http://, or ^https?://)';
  const end = hostEnd(sequence);
  if (end < 0) return 'must fix the host up to its closing /';
  const host = sequence.slice(hostBegin(sequence), end);
  if (host.length === 0 || host.every(({ kind }) => kind === 'end'))
    return 'must name a host before the closing /';
  return faultOfHost(host);
}

/** Index of the first node after `scheme://`; -1 if the scheme is not fixed. */
function hostBegin(sequence: PatternSequence): number {
  const colon = sequence.findIndex((node) => isLiteral(node, ':'));
  const schemes = spellings(sequence.slice(1, Math.max(1, colon)));
  if (schemes === null || !schemes.every((scheme) => scheme === 'http' || scheme === 'https')) return -1;
  return isLiteral(sequence[colon + 1], '/') && isLiteral(sequence[colon + 2], '/') ? colon + 3 : -1;
}

function hostEnd(sequence: PatternSequence): number {
  const begin = hostBegin(sequence);
  return begin < 0 ? -1 : sequence.findIndex((node, index) => index >= begin && isLiteral(node, '/'));
}

function faultOfHost(sequence: PatternSequence): string | null {
  for (const node of sequence) {
    const fault = faultOfHostNode(node);
    if (fault !== null) return fault;
  }
  return null;
}

function faultOfHostNode(node: PatternNode): string | null {
  switch (node.kind) {
    case 'start':
    case 'end':
      return 'must not have ^ or $ within the host';
    case 'group':
      return node.alternatives.map(faultOfHost).find((fault) => fault !== null) ?? null;
    case 'characters':
      if (node.literal !== null) {
        if (HOST_LITERAL.test(node.literal)) return null;
        return /[A-Z]/.test(node.literal)
          ? 'must have its host in lower case, as in normal forms'
          : `must fix the host up to its closing /, and ${node.literal} cannot be part of a host`;
      }
      if (node.set.size > 100)
        return 'has a . (or a negated class) in its host: write \\. for a dot, [a-z0-9-]+ for a label';
      return [...node.set].every((character) => HOST_CLASS.test(character))
        ? null
        : 'has a class in its host that matches more than letters, digits, -, _ and .';
  }
}

/** All texts that a sequence of literals and optional literals can match; `null` if it contains anything else. */
function spellings(sequence: PatternSequence): readonly string[] | null {
  let texts: readonly string[] = [''];
  for (const node of sequence) {
    const own = spellingsOfNode(node);
    if (own === null || texts.length * own.length > 16) return null;
    texts = texts.flatMap((text) => own.map((suffix) => text + suffix));
  }
  return texts;
}

function spellingsOfNode(node: PatternNode): readonly string[] | null {
  if (node.kind === 'start' || node.kind === 'end' || node.max !== 1) return null;
  const once: (readonly string[] | null)[] =
    node.kind === 'group'
      ? node.alternatives.map(spellings)
      : [node.literal === null ? null : [node.literal]];
  const own: string[] = node.min === 0 ? [''] : [];
  for (const texts of once) {
    if (texts === null) return null;
    own.push(...texts);
  }
  return own;
}

function isLiteral(node: PatternNode | undefined, character: string): boolean {
  return node?.kind === 'characters' && node.literal === character && node.min === 1 && node.max === 1;
}

function containsStart(node: PatternNode): boolean {
  if (node.kind === 'start') return true;
  return node.kind === 'group' && node.alternatives.some((sequence) => sequence.some(containsStart));
}
