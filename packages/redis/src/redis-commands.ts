import { Cluster } from 'ioredis';
import type { Redis } from 'ioredis';
import { watchRefusedConnections } from './refused-connections.ts';
import { openCommands, reconnectDelayMs } from './redis-connection.ts';
import type { RedisClient, RedisConnection, RedisScripts, RedisTimeLimits } from './redis-connection.ts';

export interface RedisCommandsOptions {
  readonly connection: RedisConnection;
  readonly limits: RedisTimeLimits;
  /** The longest time that {@link RedisCommands.call} may take, in milliseconds. */
  readonly commandTimeoutMs: number;
  readonly scripts: RedisScripts;
  /** Returns the error that a failed call rejects with. `cause` is the error of ioredis or of a time limit. */
  readonly errorFor: (cause: unknown) => Error;
  readonly onError: (error: Error) => void;
}

/**
 * The connection for commands. It limits the time of each call, converts every failure by `errorFor`, and counts
 * connections. `Scripts` is the type of the commands that ioredis defines for the scripts.
 */
export class RedisCommands<Scripts = unknown> implements AsyncDisposable {
  readonly #client: RedisClient;
  readonly #commandTimeoutMs: number;
  readonly #errorFor: (cause: unknown) => Error;
  /** Resolves when the first attempt to connect has succeeded or failed. Calls wait for it; later calls fail at once. */
  readonly #firstAttempt: Promise<void>;
  #epoch = 0;
  #lastError: Error | undefined;
  /** ioredis continues in database 0 if SELECT fails. Calls are refused then, so that no key gets into the wrong one. */
  #setUpError: Error | undefined;
  /** Why Redis closes new connections. It explains the errors of the network that follow. */
  #refusedConnection: Error | undefined;
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
    // `ready` fires before any reply on the new connection can arrive.
    client.on('ready', () => {
      count();
      this.#lastError = this.#setUpError;
      this.#refusedConnection = undefined;
    });
    client.on('connect', () => {
      this.#setUpError = undefined;
    });
    const failed = (error: Error): void => {
      this.#lastError = error;
      // An error reply to a call rejects that call. A reply error seen here is from the set-up of a connection.
      if (error.name === 'ReplyError') this.#setUpError = error;
      options.onError(error);
    };
    const refused = (error: Error): void => {
      this.#refusedConnection = error;
      options.onError(error);
    };
    client.on('error', failed);
    client.on('end', () => this.#resume());
    if (client instanceof Cluster) {
      client.on('node error', failed);
      client.on('+node', (node: Redis) => {
        count();
        node.on('ready', count);
        watchRefusedConnections(node, refused);
      });
      client.on('-node', count);
    } else watchRefusedConnections(client, refused);
    this.#firstAttempt = new Promise((resolve) => {
      for (const event of ['ready', 'error', 'close', 'end']) client.once(event, () => resolve());
    });
  }

  get epoch(): number {
    return this.#epoch;
  }

  get isCluster(): boolean {
    return this.#client instanceof Cluster;
  }

  /** The servers that hold keys: the one server, or every primary of a cluster. */
  primaries(): readonly Redis[] {
    return this.#client instanceof Cluster ? this.#client.nodes('master') : [this.#client];
  }

  /** Runs `command` within the time limit, whatever it does. @throws the error of `errorFor` */
  call<T>(command: (client: RedisClient, scripts: Scripts) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let failed = false;
      const fail = (cause: unknown): void => {
        failed = true;
        clearTimeout(limit);
        reject(this.#errorFor(cause));
      };
      const limit = setTimeout(
        // setImmediate lets a reply that arrived while the event loop was busy win over the time limit.
        () => setImmediate(() => fail(new Error(`no answer within ${this.#commandTimeoutMs} ms`))),
        this.#commandTimeoutMs,
      );
      const send = (): void => {
        // The caller already knows that the call failed, so the command must not be sent any more.
        if (failed) return;
        const client = this.#client;
        if (client.status !== 'ready' || this.#setUpError !== undefined) return fail(this.#notConnected());
        command(client, client as unknown as Scripts).then((answer) => {
          clearTimeout(limit);
          resolve(answer);
        }, fail);
      };
      if (this.#client.status === 'ready') send();
      else this.#firstAttempt.then(send).catch(fail);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#restart);
    // QUIT lets pending replies arrive, within the time limit of a call.
    await this.call((client) => client.quit()).catch(() => undefined);
    this.#client.disconnect();
  }

  #notConnected(): Error {
    const cause = this.#refusedConnection ?? this.#lastError;
    const reason = cause === undefined ? '' : ` (${cause.message})`;
    return new Error(`no connection${reason}`, { cause });
  }

  /** ioredis gives up for good if it cannot even attempt to connect, for example if no name resolves. */
  #resume(): void {
    if (this.#closed) return;
    this.#restart = setTimeout(() => {
      this.#client.connect().catch(() => undefined);
    }, reconnectDelayMs(Infinity));
  }
}
