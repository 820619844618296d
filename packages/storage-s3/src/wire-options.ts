import type { Readable } from 'node:stream';
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
 * a call. They travel in the command's input, of which middleware
 * makes copies: those keep symbols.
 */
export class WireOptionsByInput {
  readonly #options = Symbol('wire options');

  set(input: object, options: WireOptions): void {
    Object.assign(input, { [this.#options]: options });
  }

  #of(input: { readonly [options: symbol]: unknown }): WireOptions | undefined {
    return input[this.#options] as WireOptions | undefined;
  }

  /** Has all requests of `client` sent by `handler`, with the options of their call. */
  applyTo(client: S3Client, handler: NodeHttpHandler): void {
    client.middlewareStack.add(
      () => async (args) => {
        const options = this.#of(args.input as { readonly [options: symbol]: unknown });
        const handled = await handler.handle(args.request as Request, options);
        // The handler's own abort ends with the answer's head: what stalls in the body would keep its connection.
        const body = handled.response.body as Readable;
        options?.abortSignal.addEventListener('abort', () => body.destroy(), { once: true });
        return handled;
      },
      // The last of all: there is no other way to the wire.
      { step: 'deserialize', priority: 'low', name: 'sendWithOptions' },
    );
  }
}
