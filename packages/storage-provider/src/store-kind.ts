import type { KeyLayout } from './key-layout.ts';
import type { RequestSigner } from './object-addresses.ts';
import type { CapabilityTeller } from './store-capabilities.ts';
import type { PubliclyRead, SigningLife, UploadSweeper } from './store-extras.ts';
import type { StorageProvider } from './storage-provider.ts';

/**
 * A kind of store, as its package gives it to the program that is configured with it. Such a package exports this value,
 * and the schema of its services beside it. It imports the adapter, with the SDK that the adapter needs, in
 * {@link StoreKind.open}: programs load what their configuration names and nothing else.
 *
 * @typeParam Service - one service of the configuration, checked, with its defaults
 */
export interface StoreKind<Service extends { readonly kind: string }> {
  readonly kind: Service['kind'];

  /** Opens the store of one region. Connects to nothing yet. */
  open(service: Service, opening: StoreOpening): Promise<OpenedStore>;

  /** How copies are kept in a region. */
  copyTerms(service: Service, region: string): CopyTerms;

  /** Whether a program that starts makes the place for copies where it is missing. */
  isPrepared(service: Service): boolean;

  /** Faults between keys. `services` may be faulty in any other way at the same time. */
  faults(services: ConfiguredServices): readonly StoreFault[];

  /** What works, and not as one may expect. */
  warnings(name: string, service: Service): readonly StoreWarning[];
}

export interface StoreOpening {
  readonly region: string;
  readonly keyLayout: KeyLayout;
  /** Where the front end serves objects of this region that clients cannot read elsewhere; ends in a slash. */
  readonly urlBase: string;
  /** Awaited before an object is removed to make room: whoever points to it forgets it. */
  readonly onEvict: (key: string) => Promise<void>;
  /** An object cannot be what it should be, and counts as absent. `name` is the last segment of its address. */
  readonly onFault: (name: string, fault: string) => void;
}

/** A store behind a network, whose small calls need a time limit and a circuit breaker. */
export type NetworkStore = StorageProvider &
  UploadSweeper &
  CapabilityTeller &
  PubliclyRead &
  SigningLife &
  RequestSigner;

export type OpenedStore =
  | { readonly reach: 'local'; readonly store: StorageProvider }
  | {
      readonly reach: 'network';
      readonly store: NetworkStore;
      /** Time limit of one request, in milliseconds. */
      readonly requestTimeoutMs: number;
    };

export interface CopyTerms {
  /** How long the store keeps an object, in days; `null` where it keeps it until room is needed. */
  readonly lifespanDays: number | null;
  /** `url`: keys are made from URLs. `hashed`: from their SHA-256, for stores that refuse keys with `//`. */
  readonly keys: 'url' | 'hashed';
}

/** The section `services` of a configuration, of which nothing else is believed. */
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
  /** Keys from the top of the configuration. */
  readonly path: readonly (string | number)[];
  readonly expected: string;
  /** Where the value at `path` does not say it by itself. */
  readonly found?: string;
}

export interface StoreWarning {
  /** Of the key, as faults name it. */
  readonly path: string;
  readonly message: string;
}

/** What a mapping of regions should have been. */
export const REGIONS_EXPECTED = 'a mapping of at least one region';
