/** One call of a wrapped port. */
export interface Call {
  /** The called part: `store here`, `entries`, `queue here`. */
  readonly part: string;
  readonly method: string;
  /** The key, token or id that the call concerns. */
  readonly subject: string;
  readonly options?: unknown;
}

/** Selects calls: every given field must be equal. */
export type CallMatch = Partial<Pick<Call, 'part' | 'method' | 'subject'>>;

/** Holds one call until `resume` or disposal. */
export interface Pause extends Disposable {
  /** Resolves when a call is held. */
  readonly reached: Promise<void>;
  /** Releases the call. Later calls are not held. */
  readonly resume: () => void;
}

interface Rule {
  readonly match: CallMatch;
  readonly before?: (() => Promise<void>) | undefined;
  readonly after?: (() => Promise<void>) | undefined;
}

/** Records the calls of wrapped ports in order, and can hold them or make them fail. */
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
   * Holds the first matching call: `request`, before it reaches the part; `answer`, after the part has performed it.
   * Later calls are not held.
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

  /** Makes matching calls fail before they reach the part, until disposal. */
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

  /** The index of the first matching call among all calls; -1 if there is none. */
  order(match: CallMatch): number {
    return this.calls.findIndex((call) => fits(call, match));
  }

  /** Resolves when `count` matching calls have begun. */
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
