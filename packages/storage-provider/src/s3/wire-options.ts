import type { S3Client } from '@aws-sdk/client-s3';
import type { NodeHttpHandler } from '@smithy/node-http-handler';

type Request = Parameters<NodeHttpHandler['handle']>[0];

/** What holds for one call on its way. */
export interface WireOptions {
  readonly abortSignal: AbortSignal;
  /** Of the answer's headers, in milliseconds. */
  readonly requestTimeout: number;
}

/**
 * Options of single calls for a client with `cacheMiddleware`, which puts its middleware together once for each kind of
 * command and not for each call (a quarter of a small call's processor time), and which for that takes no options with
 * a call. They are found by the command's input when its request goes out.
 */
export class WireOptionsByInput {
  readonly #options = new WeakMap<object, WireOptions>();

  set(input: object, options: WireOptions): void {
    this.#options.set(input, options);
  }

  /** Has all requests of `client` sent by `handler`, with the options of their call. */
  applyTo(client: S3Client, handler: NodeHttpHandler): void {
    client.middlewareStack.add(
      () => (args) => handler.handle(args.request as Request, this.#options.get(args.input)),
      // The last of all: there is no other way to the wire.
      { step: 'deserialize', priority: 'low', name: 'sendWithOptions' },
    );
  }
}
