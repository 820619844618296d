import type { CharacterSet, PatternNode, PatternSequence } from './pattern-syntax.ts';

/**
 * Powers of the URL's length that matching may take. Each repeat that can end in more than one place takes one, and
 * the repeats after it another. A length of a few thousand allows the square, not the cube.
 */
const MAX_DEGREE = 2;
/** Stands for `$` among the characters that can come next. */
const END = 'end';
const ALL_BUT_NEWLINES = 126;
/** Ways to read a text by choosing between optional parts and alternatives. */
const MAX_CHOICES = 16;

/**
 * Why matching might take a time that grows out of all proportion with the URL's length; `null` where it cannot.
 *
 * Conservative, by structure alone: a repeated group holds neither repeats nor alternatives, and of the *loose* repeats,
 * whose end is not given by the character after them, there are few. (JavaScript's engine backtracks: `^(a+)+$` takes
 * exponential time.)
 */
export function faultOfCost(alternatives: readonly PatternSequence[]): string | null {
  const cost = { looseRepeats: 0, repeatsSinceLoose: 0, choices: 1, nested: false };
  measure(alternatives, new Set(), cost);
  const degree = cost.looseRepeats + (cost.repeatsSinceLoose > 0 ? 1 : 0);
  if (cost.nested)
    return 'repeats a group that itself repeats or chooses, which can take exponential time to match';
  if (degree > MAX_DEGREE)
    return 'has too many repeats that can end in several places, such as .*; say what ends them, as in [^/]+/';
  if (cost.choices > MAX_CHOICES) return 'has too many optional parts or alternatives that begin alike';
  return null;
}

interface Cost {
  looseRepeats: number;
  /** Repeats with one possible end that come after the last loose one, which makes them run again and again. */
  repeatsSinceLoose: number;
  choices: number;
  nested: boolean;
}

/** `follow`: the characters that can come after these alternatives; empty where the pattern ends and all is decided. */
function measure(alternatives: readonly PatternSequence[], follow: CharacterSet, cost: Cost): void {
  if (overlaps(alternatives.map((sequence) => firstOf(sequence, follow))))
    cost.choices *= alternatives.length;
  for (const sequence of alternatives)
    for (const [index, node] of sequence.entries()) {
      if (node.kind === 'start' || node.kind === 'end') continue;
      const after = firstOf(sequence.slice(index + 1), follow);
      if (node.kind === 'group') {
        if (node.max > 1 && !isPlain(node.alternatives)) cost.nested = true;
        measure(node.alternatives, node.max > 1 ? union([after, firstOf([node], after)]) : after, cost);
      }
      measureRepeat(node, after, cost);
    }
}

function measureRepeat(node: PatternNode, after: CharacterSet, cost: Cost): void {
  if (node.kind === 'start' || node.kind === 'end' || node.min === node.max) return;
  const own =
    node.kind === 'characters' ? node.set : union(node.alternatives.map((each) => firstOf(each, new Set())));
  const isLoose = overlaps([own, after]);
  // Nothing that comes after can fail and make it run again.
  const alwaysEnds =
    after.size === 0 || (own.size >= ALL_BUT_NEWLINES && [...after].every((each) => each === END));
  if (node.max === 1) {
    if (isLoose) cost.choices *= 2;
  } else if (isLoose) {
    cost.looseRepeats += 1;
    cost.repeatsSinceLoose = 0;
  } else if (!alwaysEnds) cost.repeatsSinceLoose += 1;
}

/** What a match of the rest can begin with. */
function firstOf(sequence: PatternSequence, follow: CharacterSet): CharacterSet {
  const sets: CharacterSet[] = [];
  for (const node of sequence) {
    if (node.kind === 'start') continue;
    if (node.kind === 'end') return union([...sets, new Set([END])]);
    if (node.kind === 'characters') sets.push(node.set);
    else sets.push(...node.alternatives.map((alternative) => firstOf(alternative, new Set())));
    if (!canBeEmpty(node)) return union(sets);
  }
  return union([...sets, follow]);
}

function canBeEmpty(node: PatternNode): boolean {
  if (node.kind === 'start' || node.kind === 'end' || node.min === 0) return true;
  return node.kind === 'group' && node.alternatives.some((sequence) => sequence.every(canBeEmpty));
}

/** One sequence of atoms, each matched once. */
function isPlain(alternatives: readonly PatternSequence[]): boolean {
  const [sequence, ...others] = alternatives;
  return (
    others.length === 0 &&
    (sequence ?? []).every((node) => node.kind === 'characters' && node.min === 1 && node.max === 1)
  );
}

function overlaps(sets: readonly CharacterSet[]): boolean {
  const seen = new Set<string>();
  for (const set of sets)
    for (const character of set) {
      if (seen.has(character)) return true;
      seen.add(character);
    }
  return false;
}

function union(sets: readonly CharacterSet[]): CharacterSet {
  return new Set(sets.flatMap((set) => [...set]));
}
