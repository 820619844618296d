import type { FolderLister } from './folder-lister.ts';
import type { KeyLayout } from './key-layout.ts';
import type { RequestSigner } from './object-addresses.ts';
import type { CapabilityTeller } from './store-capabilities.ts';
import type { PubliclyRead, SigningLife, UploadSweeper } from './store-extras.ts';
import type { StorageProvider } from './storage-provider.ts';

/**
 * A kind of store. Its package exports this value and the schema of its services. {@link StoreKind.open} imports the
 * adapter and its SDK, so a program loads only the adapters that its configuration uses.
 *
 * @typeParam Service - one validated service of the configuration, with defaults
 */
export interface StoreKind<Service extends { readonly kind: string }> {
  readonly kind: Service['kind'];

  /** Opens the store of one region, without connecting to it. */
  open(service: Service, opening: StoreOpening): Promise<OpenedStore>;

  /** How long a region keeps copies, and how their keys are formed. */
  copyTerms(service: Service, region: string): CopyTerms;

  /** Whether a program calls `prepare` at its start, which creates a missing bucket or folder. */
  isPrepared(service: Service): boolean;

  /** Checks rules that involve several keys. `services` is not validated otherwise. */
  faults(services: ConfiguredServices): readonly StoreFault[];

  /** Describes settings that are valid but may have surprising effects. */
  warnings(name: string, service: Service): readonly StoreWarning[];
}

export interface StoreOpening {
  readonly region: string;
  readonly keyLayout: KeyLayout;
  /** The URL prefix, with a final slash, at which the front end serves this region's objects if the store cannot. */
  readonly urlBase: string;
  /**
   * How many file calls the store may have under way. Each takes a thread of libuv, and one to a disk that hangs never
   * gives it back.
   */
  readonly fileCalls: number;
  /** Called and awaited before an object is evicted, so that references to it are dropped first. */
  readonly onEvict: (key: string, metadata: Readonly<Record<string, string>>) => Promise<void>;
  /** Called for a damaged or foreign file, whose object counts as absent. `name` is the last segment of its address. */
  readonly onFault: (name: string, fault: string) => void;
}

/** A store that is reached over a network. Its small calls need a time limit and a circuit breaker. */
export type NetworkStore = StorageProvider &
  UploadSweeper &
  CapabilityTeller &
  PubliclyRead &
  SigningLife &
  RequestSigner &
  FolderLister;

export type OpenedStore =
  | { readonly reach: 'local'; readonly store: StorageProvider }
  | {
      readonly reach: 'network';
      readonly store: NetworkStore;
      /** Time limit of one request, in milliseconds. */
      readonly requestTimeoutMs: number;
    };

export interface CopyTerms {
  /** How long the store keeps an object, in days; `null` if it keeps objects until it evicts them. */
  readonly lifespanDays: number | null;
  /** `url`: keys contain the URL. `hashed`: keys contain its SHA-256, for stores that refuse keys with `//`. */
  readonly keys: 'url' | 'hashed';
}

/** The section `services` of a configuration. `settings` is not validated. */
export interface ConfiguredServices {
  readonly services: readonly { readonly service: string; readonly settings: unknown }[];
  /** Every region of every service, with the settings of the service. */
  readonly regions: readonly {
    readonly service: string;
    readonly region: string;
    readonly settings: unknown;
  }[];
}

export interface StoreFault {
  /** The path of the faulty key from the top of the configuration. */
  readonly path: readonly (string | number)[];
  readonly expected: string;
  /** What was found, if the value at `path` does not show it. */
  readonly found?: string;
}

export interface StoreWarning {
  /** The path of the key, with dots: `services.a.signedUrlSeconds`. */
  readonly path: string;
  readonly message: string;
}

/** The expectation in the error about a missing or empty mapping of regions. */
export const REGIONS_EXPECTED = 'a mapping of at least one region';
