import { Cluster } from 'ioredis';
import type { Redis } from 'ioredis';
import { openCommands, reconnectDelayMs } from './redis-connection.ts';
import type { RedisClient, RedisConnection, RedisScripts, RedisTimeLimits } from './redis-connection.ts';

export interface RedisCommandsOptions {
  readonly connection: RedisConnection;
  readonly limits: RedisTimeLimits;
  /** Longest time that {@link RedisCommands.call} may take, in milliseconds. */
  readonly commandTimeoutMs: number;
  readonly scripts: RedisScripts;
  /** The error that a failed call rejects with; `cause` is what ioredis or a time limit gave. */
  readonly errorFor: (cause: unknown) => Error;
  readonly onError: (error: Error) => void;
}

/**
 * The connection for commands. It bounds each call, turns every failure into the error of its user, and counts the
 * connections that there were. `Scripts` is the type of the commands that ioredis makes of the scripts.
 */
export class RedisCommands<Scripts = unknown> implements AsyncDisposable {
  readonly #client: RedisClient;
  readonly #commandTimeoutMs: number;
  readonly #errorFor: (cause: unknown) => Error;
  /** Resolves when the first try to connect has ended, well or not. Until then calls wait; later ones fail at once. */
  readonly #firstTry: Promise<void>;
  #epoch = 0;
  #lastError: Error | undefined;
  /** ioredis goes on in database 0 where a SELECT was refused: entries must not get into somebody else's. */
  #setUpError: Error | undefined;
  #closed = false;
  #restart: NodeJS.Timeout | undefined;

  constructor(options: RedisCommandsOptions) {
    this.#commandTimeoutMs = options.commandTimeoutMs;
    this.#errorFor = options.errorFor;
    const client = openCommands(options.connection, options.limits, options.scripts);
    this.#client = client;
    const count = (): void => {
      this.#epoch += 1;
    };
    // `ready` is told before anything sent on the new connection can have been answered.
    client.on('ready', () => {
      count();
      this.#lastError = this.#setUpError;
    });
    client.on('connect', () => {
      this.#setUpError = undefined;
    });
    const failed = (error: Error): void => {
      this.#lastError = error;
      // Replies to commands reject their calls; told here are those to what sets a connection up.
      if (error.name === 'ReplyError') this.#setUpError = error;
      options.onError(error);
    };
    client.on('error', failed);
    client.on('end', () => this.#resume());
    if (client instanceof Cluster) {
      client.on('node error', failed);
      client.on('+node', (node: Redis) => {
        count();
        node.on('ready', count);
      });
      client.on('-node', count);
    }
    this.#firstTry = new Promise((resolve) => {
      for (const event of ['ready', 'error', 'close', 'end']) client.once(event, () => resolve());
    });
  }

  get epoch(): number {
    return this.#epoch;
  }

  get isCluster(): boolean {
    return this.#client instanceof Cluster;
  }

  /** The servers that hold keys: one, or every primary of a cluster. */
  primaries(): readonly Redis[] {
    return this.#client instanceof Cluster ? this.#client.nodes('master') : [this.#client];
  }

  /** Rejects with the error of `errorFor` within the time limit, whatever `command` does. */
  call<T>(command: (client: RedisClient, scripts: Scripts) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let over = false;
      const fail = (cause: unknown): void => {
        over = true;
        clearTimeout(limit);
        reject(this.#errorFor(cause));
      };
      const limit = setTimeout(
        // An answer that came while this process was busy is read first: its own lateness is not the server's.
        () => setImmediate(() => fail(new Error(`no answer within ${this.#commandTimeoutMs} ms`))),
        this.#commandTimeoutMs,
      );
      const send = (): void => {
        // Its caller was told that the call failed: what has not been sent yet must not be done any more.
        if (over) return;
        const client = this.#client;
        if (client.status !== 'ready' || this.#setUpError !== undefined) return fail(this.#notConnected());
        command(client, client as unknown as Scripts).then((answer) => {
          clearTimeout(limit);
          resolve(answer);
        }, fail);
      };
      if (this.#client.status === 'ready') send();
      else this.#firstTry.then(send).catch(fail);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#restart);
    // Answers under way may still come, but only within the limit of a call.
    await this.call((client) => client.quit()).catch(() => undefined);
    this.#client.disconnect();
  }

  #notConnected(): Error {
    const why = this.#lastError === undefined ? '' : ` (${this.#lastError.message})`;
    return new Error(`no connection${why}`, { cause: this.#lastError });
  }

  /** ioredis gives up for good where it cannot even try, as when no address can be resolved. */
  #resume(): void {
    if (this.#closed) return;
    this.#restart = setTimeout(() => {
      this.#client.connect().catch(() => undefined);
    }, reconnectDelayMs(Infinity));
  }
}
