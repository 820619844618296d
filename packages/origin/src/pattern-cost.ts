import type { CharacterSet, PatternNode, PatternSequence } from './pattern-syntax.ts';

/**
 * How far the number of ways to read a URL may grow: with the square of its length, not with the cube. Each repeat
 * that can end in more than one place adds a power, and so do the repeats after the last such one.
 */
const MAX_DEGREE = 2;
/** Stands for `$` among the characters that can come next. */
const END = 'end';
const ALL_BUT_NEWLINES = 126;
/** Ways to read a text by choosing between optional parts and alternatives. */
const MAX_CHOICES = 16;

/**
 * Why the pattern can read one URL in too many ways; `null` if it cannot.
 *
 * The mirror matches in linear time whatever the pattern (see `linear-pattern.ts`). A pattern of this kind is refused
 * all the same: it is nearly always a mistake in an allow list, and engines that backtrack, such as JavaScript's own,
 * in which operators try their patterns, take exponential time for `^(a+)+$`.
 *
 * The check is conservative and looks at structure alone. A repeat or alternative is *loose* if the next character
 * does not tell how to go on. Nothing may be loose within a repeated group, and only little elsewhere.
 */
export function faultOfCost(alternatives: readonly PatternSequence[]): string | null {
  const cost = { looseRepeats: 0, repeatsSinceLoose: 0, choices: 1, nested: false };
  measure(alternatives, new Set(), false, cost);
  const degree = cost.looseRepeats + (cost.repeatsSinceLoose > 0 ? 1 : 0);
  if (cost.nested)
    return 'repeats a group that can be read in several ways, which can take exponential time to match';
  if (degree > MAX_DEGREE)
    return 'has too many repeats that can end in several places, such as .*; say what ends them, as in [^/]+/';
  if (cost.choices > MAX_CHOICES) return 'has too many optional parts or alternatives that begin alike';
  return null;
}

type RepeatedNode = Extract<PatternNode, { readonly kind: 'characters' | 'group' }>;

interface Cost {
  looseRepeats: number;
  /** Repeats with one possible end that come after the last loose one, which makes them run again and again. */
  repeatsSinceLoose: number;
  choices: number;
  /** A choice that is made anew in each round of a repeat. */
  nested: boolean;
}

/**
 * `follow`: the characters that can come after these alternatives; empty where the pattern ends and all is decided.
 * `inRepeat`: the alternatives are part of a repeat, whose next round then is among what follows.
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
  // Nothing that comes after can fail and make it run again.
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
