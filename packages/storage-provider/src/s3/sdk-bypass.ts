import { ObjectAddresses } from './s3-address.ts';
import type { S3Calls } from './s3-calls.ts';

/** What the SDK builds for the wire. */
interface SdkRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
}

const ABOUT_OBJECTS: ReadonlySet<string | undefined> = new Set(['HeadObjectCommand', 'PutObjectCommand']);

/** How long a store is left alone that takes the SDK's requests and no others, in milliseconds. */
const REST_MS = 60_000;

/**
 * Whether requests may go without the SDK. Where it sends its own may depend on environment and profile: only once the address of
 * one was the one that is put together here may others do without it.
 */
export class SdkBypass {
  readonly #addresses: ObjectAddresses;
  #same: boolean | null = null;
  /** By `performance.now()`. */
  #restsUntilMs = -Infinity;

  /** @param base see {@link ObjectAddresses} */
  constructor(calls: S3Calls, base: string) {
    this.#addresses = new ObjectAddresses(base);
    calls.client.middlewareStack.add(
      (next, { commandName }) =>
        (args) => {
          if (this.#same === null && ABOUT_OBJECTS.has(commandName))
            this.#compare((args.input as { Key?: string }).Key ?? '', args.request as SdkRequest);
          return next(args);
        },
      { step: 'build', priority: 'low', name: 'learnAddress' },
    );
  }

  get open(): boolean {
    return this.#same === true && performance.now() >= this.#restsUntilMs;
  }

  /** Tells that the SDK had a plain answer where a request without it had none. */
  rest(): void {
    this.#restsUntilMs = performance.now() + REST_MS;
  }

  #compare(key: string, { protocol, hostname, port, path }: SdkRequest): void {
    const origin = `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`;
    const { base } = this.#addresses;
    // Only what is before the path may be said in two ways; URLs would make another path of some keys.
    this.#same = URL.parse(origin)?.origin === base.origin && path === this.#addresses.path(key);
  }
}
