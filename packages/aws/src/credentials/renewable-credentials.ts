import type { AwsCredentialIdentity } from '@smithy/types';
import type { CredentialsSource, LoadCredentials } from './credentials-source.ts';
import { loaderOf } from './credentials-source.ts';
import { SharedFiles } from './shared-files.ts';

/** The type of the `credentials` setting of an SDK client. */
export interface CredentialsProvider {
  (options?: Record<string, unknown>): Promise<AwsCredentialIdentity>;
  /** Keeps the SDK from caching a copy, which could not be renewed. */
  memoized: true;
}

/** Credentials are reloaded in the background this long before they expire. The SDK uses the same time. */
const REFRESH_AHEAD_MS = 300_000;
/** Minimum time between two checks of the shared files. */
const LOOK_MS = 1_000;
/** Minimum time between two reloads after refusals, if the first brought no new credentials. A load may call AWS. */
const RENEW_PAUSE_MS = { refused: 200, unclear: 10_000 };

/**
 * The credentials of one client. They are reloaded shortly before they expire, within a second after a shared file
 * changes, and when a service refuses them. The SDK itself does only the first.
 */
export class RenewableCredentials {
  readonly provider: CredentialsProvider;
  readonly #load: LoadCredentials | null;
  readonly #files: SharedFiles | null;
  #current: AwsCredentialIdentity | null = null;
  #loading: Promise<AwsCredentialIdentity> | null = null;
  /** The client settings that the SDK passed last. Some sources call AWS in the client's region. */
  #options: Record<string, unknown> = {};
  /** These three times are by `performance.now()`. */
  #lookedAtMs = -Infinity;
  #refreshedAtMs = -Infinity;
  #renewedAtMs = -Infinity;

  constructor(source: CredentialsSource) {
    if (typeof source === 'object' && 'accessKeyId' in source) {
      const { sessionToken, expiration, ...keys } = source;
      this.#current = {
        ...keys,
        ...(sessionToken === undefined ? {} : { sessionToken }),
        ...(expiration === undefined ? {} : { expiration }),
      };
      this.#load = null;
      this.#files = null;
    } else {
      this.#load = loaderOf(source);
      this.#files = new SharedFiles();
    }
    this.provider = Object.assign((options?: Record<string, unknown>) => this.#get(options), {
      memoized: true as const,
    });
  }

  /** The credentials in use; `null` before the first call. A new object means changed credentials, and vice versa. */
  get current(): AwsCredentialIdentity | null {
    return this.#current;
  }

  /** The credentials, if the provider would return them now without any look at files or call; else `null`. */
  get settled(): AwsCredentialIdentity | null {
    if (this.#load === null || this.#current === null) return this.#current;
    const isRecent = performance.now() - this.#lookedAtMs < LOOK_MS;
    return isRecent && remainingMs(this.#current) >= REFRESH_AHEAD_MS ? this.#current : null;
  }

  /**
   * Reloads the credentials after a service refused `refused`.
   * @param certainty `unclear` if the answer may have another reason, such as a 403 without an error code
   * @returns whether there are other credentials now, so that the request should be repeated
   */
  async renew(
    refused: AwsCredentialIdentity | null,
    certainty: 'refused' | 'unclear' = 'refused',
  ): Promise<boolean> {
    const used = refused ?? this.#current;
    if (used !== this.#current) return true;
    if (this.#load === null || performance.now() - this.#renewedAtMs < RENEW_PAUSE_MS[certainty])
      return false;
    try {
      await this.#reload();
    } catch {
      // The caller reports the refusal, which is more informative than this failure.
    }
    const changed = this.#current !== used;
    this.#renewedAtMs = changed ? -Infinity : performance.now();
    return changed;
  }

  async #get(options?: Record<string, unknown>): Promise<AwsCredentialIdentity> {
    if (options !== undefined) this.#options = options;
    if (this.#load === null && this.#current !== null) return this.#current;
    if (await this.#filesChanged()) return this.#reloadOrKeep();
    if (this.#current === null) return this.#reload();
    const leftMs = remainingMs(this.#current);
    if (leftMs <= 0) return this.#reload();
    if (leftMs < REFRESH_AHEAD_MS && performance.now() - this.#refreshedAtMs >= LOOK_MS) {
      this.#refreshedAtMs = performance.now();
      // The current credentials are valid for minutes, and a later call retries after a failure.
      this.#reload().catch(() => undefined);
    }
    return this.#current;
  }

  async #filesChanged(): Promise<boolean> {
    if (this.#files === null || performance.now() - this.#lookedAtMs < LOOK_MS) return false;
    this.#lookedAtMs = performance.now();
    return (await this.#files.changed()) && this.#current !== null;
  }

  /** A file may be read while it is being written, so valid credentials are kept if the reload fails. */
  async #reloadOrKeep(): Promise<AwsCredentialIdentity> {
    try {
      return await this.#reload();
    } catch (error) {
      if (this.#current === null || remainingMs(this.#current) <= 0) throw error;
      return this.#current;
    }
  }

  /** Single flight: concurrent callers share one load. */
  #reload(): Promise<AwsCredentialIdentity> {
    this.#loading ??= this.#loadOnce().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  async #loadOnce(): Promise<AwsCredentialIdentity> {
    if (this.#load === null) throw new TypeError('literal credentials cannot be reloaded');
    const loaded = await this.#load(this.#options);
    if (this.#current === null || !same(this.#current, loaded)) this.#current = loaded;
    return this.#current;
  }
}

/** Time until the credentials expire, in milliseconds; Infinity if their expiration is not known. */
function remainingMs({ expiration }: AwsCredentialIdentity): number {
  return expiration === undefined ? Infinity : expiration.getTime() - Date.now();
}

function same(one: AwsCredentialIdentity, other: AwsCredentialIdentity): boolean {
  return (
    one.accessKeyId === other.accessKeyId &&
    one.secretAccessKey === other.secretAccessKey &&
    one.sessionToken === other.sessionToken &&
    one.expiration?.getTime() === other.expiration?.getTime()
  );
}
