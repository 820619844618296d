import type { ProtocolCall } from './protocol-call.ts';

export interface HoldOptions {
  /** `before` it is done, or `after` it was; `before` where not given. */
  readonly when?: 'before' | 'after';
  /** Only a call whose path contains this. */
  readonly path?: string;
  /** Only a call that was signed with this access key. */
  readonly accessKeyId?: string;
}

/** A call that is kept back until `release`, which also happens at the end of a `using` block. */
export interface CallHold extends Disposable {
  /** Resolves when a call has come to that place. */
  readonly arrived: Promise<void>;
  release(): void;
}

interface Held {
  readonly operation: string;
  readonly options: HoldOptions;
  readonly arrive: () => void;
  readonly opened: Promise<void>;
  readonly open: () => void;
}

/** Calls that are kept back, each once. */
export class CallHolds {
  readonly #waiting = new Set<Held>();
  readonly #open = new Set<() => void>();

  add(operation: string, options: HoldOptions): CallHold {
    const arrived = Promise.withResolvers<void>();
    const opened = Promise.withResolvers<void>();
    const one: Held = {
      operation,
      options,
      arrive: arrived.resolve,
      opened: opened.promise,
      open: opened.resolve,
    };
    this.#waiting.add(one);
    this.#open.add(one.open);
    const release = (): void => {
      this.#waiting.delete(one);
      this.#open.delete(one.open);
      one.open();
    };
    return { arrived: arrived.promise, release, [Symbol.dispose]: release };
  }

  /** Resolves when the call may go on; `null` where it may at once. */
  pass(call: ProtocolCall, when: 'before' | 'after'): Promise<void> | null {
    const one = [...this.#waiting].find(
      ({ operation, options }) =>
        operation === call.operation &&
        (options.when ?? 'before') === when &&
        call.path.includes(options.path ?? '') &&
        (options.accessKeyId ?? call.accessKeyId) === call.accessKeyId,
    );
    if (one === undefined) return null;
    this.#waiting.delete(one);
    one.arrive();
    return one.opened;
  }

  releaseAll(): void {
    for (const open of this.#open) open();
    this.#waiting.clear();
  }
}
