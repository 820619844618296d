import type { ProtocolCall } from './protocol-call.ts';

export interface HoldOptions {
  /** Whether to hold the call `before` or `after` the server handles it. Default: `before`. */
  readonly when?: 'before' | 'after';
  /** Holds only a call whose path contains this. */
  readonly path?: string;
  /** Holds only a call that is signed with this access key. */
  readonly accessKeyId?: string;
}

/** Holds one call until `release` or disposal. */
export interface CallHold extends Disposable {
  /** Resolves when a call is held. */
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

/** Holds calls of a server, one call per hold. */
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

  /** Resolves when the call may continue; null if it is not held. */
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
