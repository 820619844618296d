import { RegExpParser, RegExpSyntaxError, type AST } from '@eslint-community/regexpp';

/**
 * Syntax tree of the subset of JavaScript's regular expressions that a source pattern may use. The normal form of a URL
 * is ASCII, so an atom matches a set of ASCII characters.
 */
export type PatternNode =
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  | {
      readonly kind: 'characters';
      /** The characters that the atom matches. */
      readonly set: CharacterSet;
      /** The character if the atom is a literal one; `null` for a class, an escaped class or a dot. */
      readonly literal: string | null;
      readonly min: number;
      readonly max: number;
    }
  | {
      readonly kind: 'group';
      readonly alternatives: readonly PatternSequence[];
      readonly min: number;
      readonly max: number;
    };

export type PatternSequence = readonly PatternNode[];
export type CharacterSet = ReadonlySet<string>;

/** The pattern uses a construct that source patterns do not support. The message is for the operator. */
export class PatternSyntaxError extends Error {
  override readonly name = 'PatternSyntaxError';
}

interface Bounds {
  readonly min: number;
  readonly max: number;
}

const ONCE: Bounds = { min: 1, max: 1 };
/** RE2's largest count. */
const MAX_COUNT = 1000;
const ASCII = String.fromCharCode(...Array(128).keys());

/** @throws {PatternSyntaxError} */
export function parsePattern(text: string): readonly PatternSequence[] {
  refuseSpellings(text);
  return parse(text).alternatives.map(sequenceOf);
}

/** Refuses escapes and characters whose meaning depends on the regular expression dialect. */
function refuseSpellings(text: string): void {
  if (/[^\x00-\x7f]/.test(text))
    throw new PatternSyntaxError(
      'must be ASCII: hosts are compared in their xn-- form, paths percent-encoded',
    );
  for (const [, character = ''] of text.matchAll(/\\([^])/g))
    if (/[a-z0-9]/i.test(character) && character !== 'd' && character !== 'w')
      throw new PatternSyntaxError(
        `must not use \\${character}; of letters only \\d and \\w may be escaped, and there are no back-references`,
      );
}

function parse(text: string): AST.Pattern {
  try {
    return new RegExpParser().parsePattern(text);
  } catch (error) {
    if (!(error instanceof RegExpSyntaxError)) throw error;
    const reason = error.message.slice(error.message.lastIndexOf(': ') + 2);
    throw new PatternSyntaxError(`is not a regular expression: ${reason}, at character ${error.index + 1}`);
  }
}

function sequenceOf({ elements }: AST.Alternative): PatternSequence {
  return elements.map((element) =>
    element.type === 'Quantifier' ? nodeOf(element.element, boundsOf(element)) : nodeOf(element, ONCE),
  );
}

function boundsOf({ min, max }: AST.Quantifier): Bounds {
  if (min > MAX_COUNT || (max > MAX_COUNT && max !== Infinity))
    throw new PatternSyntaxError(`must not count further than ${MAX_COUNT} in { }`);
  return { min, max };
}

function nodeOf(element: Exclude<AST.Element, AST.Quantifier>, bounds: Bounds): PatternNode {
  switch (element.type) {
    case 'Character': {
      if (element.raw === '{')
        throw new PatternSyntaxError('has a { that begins no count (write \\{ for the character)');
      const literal = String.fromCodePoint(element.value);
      return { kind: 'characters', set: new Set([literal]), literal, ...bounds };
    }
    case 'CharacterClass':
    case 'CharacterSet':
      return { kind: 'characters', set: charactersOf(element.raw), literal: null, ...bounds };
    case 'Group':
    case 'CapturingGroup':
      if (element.type === 'Group' ? element.modifiers !== null : element.name !== null)
        throw new PatternSyntaxError('must not use named groups or flags; groups are (…) or (?:…)');
      return { kind: 'group', alternatives: element.alternatives.map(sequenceOf), ...bounds };
    case 'Assertion':
      if (element.kind === 'start' || element.kind === 'end') return { kind: element.kind };
      throw new PatternSyntaxError('must not use look-around; groups are (…) or (?:…)');
    default:
      throw new PatternSyntaxError(`must not use ${element.raw}`);
  }
}

/** The characters that a class, an escaped class or a dot matches, according to JavaScript's own engine. */
function charactersOf(atom: string): CharacterSet {
  const set = new Set(ASCII.match(new RegExp(atom, 'g')) ?? []);
  if (set.size === 0) throw new PatternSyntaxError(`has a class that matches nothing: ${atom}`);
  return set;
}
