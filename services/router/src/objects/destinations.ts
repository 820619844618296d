import type { RequestSigner, StorageProvider } from '@cloud-mirror/storage-provider';
import { signsRequests } from '@cloud-mirror/storage-provider';
import type { BucketTarget, Route } from '@cloud-mirror/storage-routes';
import type { ObjectSigner } from '@cloud-mirror/routed-objects';
import { HttpProblem } from '@cloud-mirror/http-service';
import { BucketDestination } from './bucket-destination.ts';
import type { Destination } from './destination.ts';
import { FolderDestination } from './folder-destination.ts';

export interface Folders {
  /** Of the front end, which serves the objects of folders. */
  readonly publicUrl: string;
  readonly signer: ObjectSigner;
}

export interface DestinationsParts {
  /** The back ends of the configuration file, by `service/region`. */
  readonly stores: ReadonlyMap<string, StorageProvider>;
  /** Opens a bucket that a route describes itself. Makes no call. */
  readonly openBucket: (target: BucketTarget) => Promise<StorageProvider & RequestSigner>;
  /** Makes addresses of objects in folders. Returns why it cannot, for the operator. */
  readonly folders: () => Folders | string;
}

/** Each holds an SDK client. The one used least recently is closed first. */
const MOST_BUCKETS = 1_000;

/** Opens the destinations of routes when they are first used. */
export class Destinations implements AsyncDisposable {
  readonly #parts: DestinationsParts;
  /** Of routes in force: the garbage collector drops those of replaced tables. */
  readonly #byRoute = new WeakMap<Route, Destination>();
  /** By everything that describes the bucket, so that a change of one route keeps the clients of the others. */
  readonly #buckets = new Map<string, Promise<StorageProvider & RequestSigner>>();

  constructor(parts: DestinationsParts) {
    this.#parts = parts;
  }

  /** @throws HttpProblem 503 that names the route, if its destination cannot be used */
  of(route: Route): Destination | Promise<Destination> {
    return this.#byRoute.get(route) ?? this.#open(route);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const bucket of this.#buckets.values()) await close(bucket);
  }

  async #open(route: Route): Promise<Destination> {
    const destination = await this.#destination(route);
    this.#byRoute.set(route, destination);
    return destination;
  }

  async #destination(route: Route): Promise<Destination> {
    const { target } = route;
    switch (target.kind) {
      case 'unusable':
        throw unusable(route, target.fault);
      case 's3':
        return new BucketDestination(await this.#bucket(target));
      case 'store': {
        const store = this.#parts.stores.get(target.store);
        if (store === undefined)
          throw unusable(route, `this router's configuration has no back end ${target.store}.`);
        if (signsRequests(store)) return new BucketDestination(store);
        const folders = this.#parts.folders();
        if (typeof folders === 'string') throw unusable(route, folders);
        return new FolderDestination({ ...folders, name: target.store, store });
      }
    }
  }

  #bucket(target: BucketTarget): Promise<StorageProvider & RequestSigner> {
    const description = JSON.stringify(target);
    const known = this.#buckets.get(description);
    const bucket = known ?? this.#parts.openBucket(target);
    // A Map keeps the order of insertion.
    this.#buckets.delete(description);
    this.#buckets.set(description, bucket);
    bucket.catch(() => this.#buckets.delete(description));
    const [oldest] = this.#buckets;
    if (oldest !== undefined && this.#buckets.size > MOST_BUCKETS) {
      this.#buckets.delete(oldest[0]);
      void close(oldest[1]);
    }
    return bucket;
  }
}

async function close(bucket: Promise<AsyncDisposable>): Promise<void> {
  try {
    await (await bucket)[Symbol.asyncDispose]();
  } catch {
    // It could not be opened.
  }
}

function unusable({ path }: Route, fault: string): HttpProblem {
  return new HttpProblem(503, 'route_unusable', `The route ${path} cannot be used: ${fault}`);
}
