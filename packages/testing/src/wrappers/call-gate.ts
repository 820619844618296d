/** One call of a wrapped port. */
export interface Call {
  /** Which part was called: `store here`, `entries`, `queue here`. */
  readonly part: string;
  readonly method: string;
  /** Key, token or whatever the call is about. */
  readonly subject: string;
  readonly options?: unknown;
}

/** Which calls are meant: every field given must be equal. */
export type CallMatch = Partial<Pick<Call, 'part' | 'method' | 'subject'>>;

/** A call held back. */
export interface Pause extends Disposable {
  /** Resolves when a call has come to the pause. */
  readonly reached: Promise<void>;
  /** Lets it go on, and every later one pass. */
  readonly resume: () => void;
}

interface Rule {
  readonly match: CallMatch;
  readonly before?: (() => Promise<void>) | undefined;
  readonly after?: (() => Promise<void>) | undefined;
}

/** Through which the calls of wrapped ports go: writes them down in their order, holds some back, makes some fail. */
export class CallGate {
  readonly calls: Call[] = [];
  readonly #rules = new Set<Rule>();
  readonly #watchers = new Set<() => void>();

  async run<T>(call: Call, work: () => Promise<T>): Promise<T> {
    this.calls.push(call);
    for (const wake of this.#watchers) wake();
    const rules = [...this.#rules].filter(({ match }) => fits(call, match));
    for (const { before } of rules) await before?.();
    const result = await work();
    for (const { after } of rules) await after?.();
    return result;
  }

  /**
   * Holds back the first call that fits: `request`, before it reaches the part; `answer`, after the part has done it.
   * Calls after the first one pass.
   */
  pause(match: CallMatch, what: 'request' | 'answer' = 'request'): Pause {
    const reached = Promise.withResolvers<void>();
    const resumed = Promise.withResolvers<void>();
    const hold = (): Promise<void> => {
      this.#rules.delete(rule);
      reached.resolve();
      return resumed.promise;
    };
    const rule: Rule = what === 'request' ? { match, before: hold } : { match, after: hold };
    this.#rules.add(rule);
    const resume = (): void => {
      this.#rules.delete(rule);
      resumed.resolve();
    };
    return { reached: reached.promise, resume, [Symbol.dispose]: resume };
  }

  /** Makes the calls that fit fail, before they reach the part, until disposal. */
  fail(match: CallMatch, error: () => Error): Disposable {
    const rule: Rule = { match, before: () => Promise.reject(error()) };
    this.#rules.add(rule);
    return { [Symbol.dispose]: () => void this.#rules.delete(rule) };
  }

  of(match: CallMatch): Call[] {
    return this.calls.filter((call) => fits(call, match));
  }

  count(match: CallMatch): number {
    return this.of(match).length;
  }

  /** Where the first call that fits stands in the order of all. -1: there was none. */
  order(match: CallMatch): number {
    return this.calls.findIndex((call) => fits(call, match));
  }

  /** Resolves once `count` calls that fit have begun. */
  async seen(match: CallMatch, count = 1): Promise<void> {
    while (this.count(match) < count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#watchers.add(resolve);
      await promise;
      this.#watchers.delete(resolve);
    }
  }
}

function fits(call: Call, match: CallMatch): boolean {
  return (
    (match.part === undefined || match.part === call.part) &&
    (match.method === undefined || match.method === call.method) &&
    (match.subject === undefined || match.subject === call.subject)
  );
}
