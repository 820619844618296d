/**
 * The part of JavaScript's regular expressions that a source pattern may use, as a tree. Normal forms of URLs are
 * ASCII, so what an atom matches is a set of ASCII characters.
 */
export type PatternNode =
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  | {
      readonly kind: 'characters';
      /** What the atom matches. */
      readonly set: CharacterSet;
      /** The one character it was written as, `null` for a class, an escape of a class, or a dot. */
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

/** The pattern uses what is not understood here; the message is for the operator. */
export class PatternSyntaxError extends Error {
  override readonly name = 'PatternSyntaxError';
}

const ASCII = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));
const ANY: CharacterSet = new Set(ASCII.filter((character) => character !== '\n' && character !== '\r'));
const DIGITS: CharacterSet = new Set(ASCII.filter((character) => /\d/.test(character)));
const WORD: CharacterSet = new Set(ASCII.filter((character) => /\w/.test(character)));

/** @throws {PatternSyntaxError} */
export function parsePattern(text: string): readonly PatternSequence[] {
  return new PatternParser(text).parse();
}

class PatternParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): readonly PatternSequence[] {
    const alternatives = this.#alternatives();
    if (this.#at < this.#text.length) throw new PatternSyntaxError('has a ) without its (');
    return alternatives;
  }

  #alternatives(): readonly PatternSequence[] {
    const alternatives: PatternNode[][] = [[]];
    for (let next = this.#peek(); next !== '' && next !== ')'; next = this.#peek()) {
      if (next === '|') {
        this.#at += 1;
        alternatives.push([]);
      } else alternatives.at(-1)?.push(this.#node());
    }
    return alternatives;
  }

  #node(): PatternNode {
    const character = this.#take();
    switch (character) {
      case '^':
        return { kind: 'start' };
      case '$':
        return { kind: 'end' };
      case '(':
        return this.#group();
      case '[':
        return { kind: 'characters', set: this.#class(), literal: null, ...this.#quantifier() };
      case '.':
        return { kind: 'characters', set: ANY, literal: null, ...this.#quantifier() };
      case '\\':
        return { kind: 'characters', ...this.#escape(), ...this.#quantifier() };
      case '*':
      case '+':
      case '?':
      case '{':
        throw new PatternSyntaxError(
          `has a ${character} with nothing to repeat (write \\${character} for the character)`,
        );
      default:
        if (!ASCII.includes(character))
          throw new PatternSyntaxError(
            'must be ASCII: hosts are compared in their xn-- form, paths percent-encoded',
          );
        return { kind: 'characters', set: new Set([character]), literal: character, ...this.#quantifier() };
    }
  }

  #group(): PatternNode {
    if (this.#peek() === '?') {
      if (!this.#text.startsWith('?:', this.#at))
        throw new PatternSyntaxError('must not use look-around or named groups; groups are (…) or (?:…)');
      this.#at += 2;
    }
    const alternatives = this.#alternatives();
    if (this.#take() !== ')') throw new PatternSyntaxError('has a ( without its )');
    return { kind: 'group', alternatives, ...this.#quantifier() };
  }

  #escape(): { set: CharacterSet; literal: string | null } {
    const character = this.#take();
    if (character === 'd') return { set: DIGITS, literal: null };
    if (character === 'w') return { set: WORD, literal: null };
    if (character === '' || /[a-z0-9]/i.test(character) || !ASCII.includes(character))
      throw new PatternSyntaxError(`must not use \\${character}; of letters only \\d and \\w may be escaped`);
    return { set: new Set([character]), literal: character };
  }

  #class(): CharacterSet {
    const negated = this.#peek() === '^';
    if (negated) this.#at += 1;
    const members = new Set<string>();
    for (let next = this.#peek(); next !== ']'; next = this.#peek()) {
      const low = this.#classMember();
      const isRange = this.#peek() === '-' && this.#text.charAt(this.#at + 1) !== ']';
      if (!isRange) {
        for (const character of low) members.add(character);
        continue;
      }
      this.#at += 1;
      for (const character of range(low, this.#classMember())) members.add(character);
    }
    this.#at += 1;
    return negated ? new Set(ASCII.filter((character) => !members.has(character))) : members;
  }

  #classMember(): CharacterSet {
    const character = this.#take();
    if (character === '') throw new PatternSyntaxError('has a [ without its ]');
    if (character === '\\') return this.#escape().set;
    if (!ASCII.includes(character)) throw new PatternSyntaxError('must be ASCII');
    return new Set([character]);
  }

  #quantifier(): { min: number; max: number } {
    const match = /^(?:([*+?])|\{(\d{1,4})(?:(,)(\d{0,4}))?\})\??/.exec(this.#text.slice(this.#at));
    if (match === null) return { min: 1, max: 1 };
    this.#at += match[0].length;
    const [, sign, low, comma, high] = match;
    if (sign !== undefined) return { min: sign === '+' ? 1 : 0, max: sign === '?' ? 1 : Infinity };
    const min = Number(low);
    if (comma === undefined) return { min, max: min };
    return { min, max: high === '' || high === undefined ? Infinity : Number(high) };
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  #take(): string {
    const character = this.#text.charAt(this.#at);
    this.#at += 1;
    return character;
  }
}

function range(low: CharacterSet, high: CharacterSet): readonly string[] {
  const [from] = low;
  const [to] = high;
  if (low.size !== 1 || high.size !== 1 || from === undefined || to === undefined || from > to)
    throw new PatternSyntaxError('has a range in [ ] that is none');
  return ASCII.filter((character) => character >= from && character <= to);
}
