import { RE2JS, RE2JSSyntaxException } from 're2js';
import type { CharacterSet, PatternNode, PatternSequence } from './pattern-syntax.ts';

/**
 * Limit of the automaton's states. Nested counts multiply: `(?:[a-z]{30}){30}` has 900. Without a limit, a pattern of a
 * thousand characters can take a second and more than 100 MB to compile.
 */
const MAX_STATES = 5000;

export type LinearPattern = Pick<RE2JS, 'test'>;

/**
 * Compiles a pattern for RE2, which matches in time linear in the length of the URL, whatever the pattern.
 *
 * RE2 and JavaScript interpret some patterns differently (`[[:alpha:]]`, `[]x]`, `\z`). So the checked syntax tree is
 * printed again, as code points and classes of code points, which both interpret alike.
 *
 * @throws {RangeError} for a pattern that is too large; the message is for the operator
 */
export function compileLinear(alternatives: readonly PatternSequence[]): LinearPattern {
  const pattern = compile(print(alternatives));
  if (pattern === null || pattern.programSize() > MAX_STATES)
    throw new RangeError('is too large: counts in { } multiply, and groups within groups add up');
  return pattern;
}

/** `null` if nested counts or groups exceed RE2's limits, the only fault that the earlier checks do not find. */
function compile(text: string): RE2JS | null {
  try {
    return RE2JS.compile(text);
  } catch (error) {
    if (error instanceof RE2JSSyntaxException) return null;
    throw error;
  }
}

function print(alternatives: readonly PatternSequence[]): string {
  return alternatives.map((sequence) => sequence.map(printNode).join('')).join('|');
}

function printNode(node: PatternNode): string {
  switch (node.kind) {
    case 'start':
      return '^';
    case 'end':
      return '$';
    case 'characters':
      return printSet(node.set) + printCount(node);
    case 'group':
      return `(?:${print(node.alternatives)})${printCount(node)}`;
  }
}

function printSet(set: CharacterSet): string {
  return `[${[...set].map((character) => `\\x{${character.charCodeAt(0).toString(16)}}`).join('')}]`;
}

function printCount({ min, max }: { readonly min: number; readonly max: number }): string {
  if (min === 1 && max === 1) return '';
  if (max === Infinity) return min === 0 ? '*' : min === 1 ? '+' : `{${min},}`;
  return `{${min},${max}}`;
}
