import type { FleetSettings } from '@cloud-mirror/mirror';
import type { Environment, Logger } from '@cloud-mirror/program';
import type { Instance, Registry } from '@cloud-mirror/registry';
import type { FleetDocument } from './fleet-document.ts';

/** What a driver may need. */
export interface OpenDriverParts {
  readonly settings: FleetSettings;
  readonly registry: Registry;
  readonly document: FleetDocument;
  readonly environment: Environment;
  readonly logger: Logger;
}

/** What an orchestrator has of an app. */
export interface AppCounts {
  /** How many instances there should be. */
  readonly wanted: number;
  /** What the orchestrator still has to do, in words; null if nothing. */
  readonly pending: string | null;
}

/** Starts and stops the instances of apps. All methods may be called concurrently for different apps. */
export interface FleetDriver extends AsyncDisposable {
  /** `process` */
  readonly name: string;
  /** How an operator changes more than a number of instances, to end a sentence: `set … in the configuration file`. */
  readonly otherWay: string;
  /** The apps that it manages, with the wanted number of instances. */
  apps(): ReadonlyMap<string, number>;
  /**
   * Sets the number of instances. Returns when the orchestrator has accepted it; {@link counts} tells the progress.
   * @throws DriverError if the orchestrator refuses
   */
  scale(app: string, instances: number, signal: AbortSignal): Promise<void>;
  /**
   * Replaces all instances, each after a new one serves. Resolves when that is done. If `signal` is aborted it stops
   * replacing, and what runs goes on.
   * @throws DriverError
   */
  restart(app: string, signal: AbortSignal, onProgress: (waitsFor: string) => void): Promise<void>;
  /** @throws DriverError if the orchestrator cannot be asked */
  counts(app: string, signal: AbortSignal): Promise<AppCounts>;
  /** Whether it started an announced instance; null if it cannot tell. */
  owns(instance: Instance): boolean | null;
}

/** The orchestrator refused, or cannot be reached. The message is for operators. */
export class DriverError extends Error {
  override readonly name = 'DriverError';
  readonly code = 'driver_failed';
}
