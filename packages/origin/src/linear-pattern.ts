import { RE2JS, RE2JSSyntaxException } from 're2js';
import type { CharacterSet, PatternNode, PatternSequence } from './pattern-syntax.ts';

/**
 * States of the automaton that a pattern may compile to. Counts multiply: `(?:[a-z]{30}){30}` alone has 900. Without a
 * limit, a thousand characters of pattern can take a second to compile and more than 100 MB.
 */
const MAX_STATES = 5000;

export type LinearPattern = Pick<RE2JS, 'test'>;

/**
 * Compiles a pattern for an engine that takes time in proportion to the length of the URL, whatever the pattern.
 *
 * RE2 and JavaScript read some texts differently (`[[:alpha:]]`, `[]x]`, `\z`), so the engine gets the tree that was
 * checked, written out in characters and classes of code points that both read alike.
 *
 * @throws {RangeError} for a pattern that is too large; the message is for the operator
 */
export function compileLinear(alternatives: readonly PatternSequence[]): LinearPattern {
  const pattern = compiled(written(alternatives));
  if (pattern === null || pattern.programSize() > MAX_STATES)
    throw new RangeError('is too large: counts in { } multiply, and groups within groups add up');
  return pattern;
}

/** `null` where counts within counts, or groups within groups, exceed what RE2 takes: all else was checked before. */
function compiled(text: string): RE2JS | null {
  try {
    return RE2JS.compile(text);
  } catch (error) {
    if (error instanceof RE2JSSyntaxException) return null;
    throw error;
  }
}

function written(alternatives: readonly PatternSequence[]): string {
  return alternatives.map((sequence) => sequence.map(writtenNode).join('')).join('|');
}

function writtenNode(node: PatternNode): string {
  switch (node.kind) {
    case 'start':
      return '^';
    case 'end':
      return '$';
    case 'characters':
      return writtenSet(node.set) + writtenCount(node);
    case 'group':
      return `(?:${written(node.alternatives)})${writtenCount(node)}`;
  }
}

function writtenSet(set: CharacterSet): string {
  return `[${[...set].map((character) => `\\x{${character.charCodeAt(0).toString(16)}}`).join('')}]`;
}

function writtenCount({ min, max }: { readonly min: number; readonly max: number }): string {
  if (min === 1 && max === 1) return '';
  if (max === Infinity) return min === 0 ? '*' : min === 1 ? '+' : `{${min},}`;
  return `{${min},${max}}`;
}
