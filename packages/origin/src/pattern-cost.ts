import type { CharacterSet, PatternNode, PatternSequence } from './pattern-syntax.ts';

/**
 * Limit of the degree of ambiguity: the number of ways to match a URL may grow with the square of its length, not with
 * the cube. Each repeat that can end in several places adds a degree; so do the repeats after the last such one.
 */
const MAX_DEGREE = 2;
/** Represents `$` in a set of characters that can come next. */
const END = 'end';
const ALL_BUT_NEWLINES = 126;
/** Ways to match a text by choosing between optional elements and between alternatives. */
const MAX_CHOICES = 16;

/**
 * Why the pattern is too ambiguous, that is, can match one URL in too many ways; `null` if it is not.
 *
 * The mirror matches in linear time whatever the pattern (see `linear-pattern.ts`). Ambiguous patterns are refused
 * because they are nearly always a mistake in an allow list, and because backtracking engines, such as JavaScript's, in
 * which operators try their patterns, take exponential time for `^(a+)+$`.
 *
 * The check is conservative and looks at the structure alone. A repeat or alternative is *loose* if the next character
 * does not determine how to continue. Nothing may be loose within a repeated group, and only little elsewhere.
 */
export function faultOfCost(alternatives: readonly PatternSequence[]): string | null {
  const cost = { looseRepeats: 0, repeatsSinceLoose: 0, choices: 1, nested: false };
  measure(alternatives, new Set(), false, cost);
  const degree = cost.looseRepeats + (cost.repeatsSinceLoose > 0 ? 1 : 0);
  if (cost.nested)
    return 'repeats a group that can match in several ways, which can take exponential time to match';
  if (degree > MAX_DEGREE)
    return 'has too many repeats that can end in several places, such as .*; say what ends them, as in [^/]+/';
  if (cost.choices > MAX_CHOICES) return 'has too many optional parts or alternatives that begin alike';
  return null;
}

type RepeatedNode = Extract<PatternNode, { readonly kind: 'characters' | 'group' }>;

interface Cost {
  looseRepeats: number;
  /** Repeats with one possible end that come after the last loose one. Backtracking into that one runs them again. */
  repeatsSinceLoose: number;
  choices: number;
  /** Whether a repeat contains a choice, which each iteration makes anew. */
  nested: boolean;
}

/**
 * `follow`: the characters that can come after these alternatives; empty at the end of the pattern.
 * `inRepeat`: the alternatives are inside a repeat, so `follow` includes the first characters of its next iteration.
 */
function measure(
  alternatives: readonly PatternSequence[],
  follow: CharacterSet,
  inRepeat: boolean,
  cost: Cost,
): void {
  if (overlaps(alternatives.map((sequence) => firstOf(sequence, follow)))) {
    cost.choices *= alternatives.length;
    cost.nested ||= inRepeat;
  }
  for (const sequence of alternatives)
    for (const [index, node] of sequence.entries()) {
      if (node.kind === 'start' || node.kind === 'end') continue;
      const after = firstOf(sequence.slice(index + 1), follow);
      if (node.kind === 'group') {
        const again = node.max > 1 ? union([after, firstOf([node], after)]) : after;
        measure(node.alternatives, again, inRepeat || node.max > 1, cost);
      }
      if (node.min !== node.max) measureRepeat(node, after, inRepeat, cost);
    }
}

function measureRepeat(node: RepeatedNode, after: CharacterSet, inRepeat: boolean, cost: Cost): void {
  const own =
    node.kind === 'characters' ? node.set : union(node.alternatives.map((each) => firstOf(each, new Set())));
  // No later element can fail and cause backtracking into this repeat.
  const alwaysEnds =
    after.size === 0 || (own.size >= ALL_BUT_NEWLINES && [...after].every((each) => each === END));
  if (overlaps([own, after])) {
    cost.nested ||= inRepeat;
    if (node.max === 1) cost.choices *= 2;
    else {
      cost.looseRepeats += 1;
      cost.repeatsSinceLoose = 0;
    }
  } else if (node.max > 1 && !alwaysEnds) cost.repeatsSinceLoose += 1;
}

/** The characters with which a match of `sequence`, or of what follows it, can begin (the FIRST set). */
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
