import type { BucketEndpoint, BucketEndpoints } from './bucket-endpoint.ts';
import { objectPath } from './bucket-endpoint.ts';
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
 * Whether and where requests may go without the SDK: only once the SDK has sent one of its own to the very address that
 * they would go to.
 */
export class SdkBypass {
  readonly #calls: S3Calls;
  readonly #endpoints: BucketEndpoints;
  #same: boolean | null = null;
  /** By `performance.now()`. */
  #restsUntilMs = -Infinity;

  constructor(calls: S3Calls, endpoints: BucketEndpoints) {
    this.#calls = calls;
    this.#endpoints = endpoints;
    calls.client.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          if (this.#same === null && ABOUT_OBJECTS.has(commandName))
            await this.#compare((args.input as { Key?: string }).Key ?? '', args.request as SdkRequest);
          return next(args);
        },
      { step: 'build', priority: 'low', name: 'learnAddress' },
    );
  }

  /** Where requests without the SDK go; `null` where the SDK is to make them. */
  get endpoint(): BucketEndpoint | null {
    return this.#same === true && performance.now() >= this.#restsUntilMs ? this.#endpoints.known : null;
  }

  /**
   * To be asked before a request without the SDK. What it returns tells that the SDK had a plain answer where that request had
   * none: the store is left alone for a while. Not so where other credentials came into use meanwhile.
   */
  beginTry(): () => void {
    const used = this.#calls.credentials.current;
    return () => {
      if (this.#calls.credentials.current === used) this.#restsUntilMs = performance.now() + REST_MS;
    };
  }

  async #compare(key: string, { protocol, hostname, port, path }: SdkRequest): Promise<void> {
    try {
      const endpoint = await this.#endpoints.resolve();
      const origin = `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`;
      // Only what is before the path may be said in two ways; URLs would make another path of some keys.
      this.#same = URL.parse(origin)?.origin === endpoint.base.origin && path === objectPath(endpoint, key);
    } catch {
      // The SDK's own request tells what is wrong with the address.
      this.#same = false;
    }
  }
}
