import type { AwsCredentialIdentity } from '@smithy/types';
import type { CredentialsSource, LoadCredentials } from './credentials-source.ts';
import { loaderOf } from './credentials-source.ts';
import { SharedFiles } from './shared-files.ts';

/** What a client of the SDK takes as its `credentials`. */
export interface CredentialsProvider {
  (options?: Record<string, unknown>): Promise<AwsCredentialIdentity>;
  /** Tells the SDK that it need not keep a copy of its own, which nobody could renew. */
  memoized: true;
}

/** Time before their expiration from which credentials are loaded anew in the background. The SDK takes as much. */
const REFRESH_AHEAD_MS = 300_000;
/** Between two looks at the shared files. */
const LOOK_MS = 1_000;
/** Between two loads for a refusal, where the one before brought nothing new. Loads may be calls to AWS. */
const RENEW_PAUSE_MS = { refused: 200, unclear: 10_000 };

/**
 * The credentials of one client. They are loaded anew shortly before they expire, within a second after a shared file
 * was rewritten, and when a service has refused them. The SDK itself does only the first.
 */
export class RenewableCredentials {
  readonly provider: CredentialsProvider;
  readonly #load: LoadCredentials | null;
  readonly #files: SharedFiles | null;
  #current: AwsCredentialIdentity | null = null;
  #loading: Promise<AwsCredentialIdentity> | null = null;
  /** What the SDK told of the client at its last call: some sources call AWS in the client's region. */
  #options: Record<string, unknown> = {};
  /** All of these by `performance.now()`. */
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

  /** The ones in use; `null` before the first call. The object is replaced when they change, and only then. */
  get current(): AwsCredentialIdentity | null {
    return this.#current;
  }

  /**
   * Loads credentials anew because a service has refused `refused`.
   * @param certainty `unclear` where the answer may have another reason, as a 403 without a code
   * @returns whether there are other credentials now, so that the request is worth repeating
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
      // The refusal that led here says more than this failure.
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
      // What is in use is good for minutes yet; a failure is tried again by a later call.
      this.#reload().catch(() => undefined);
    }
    return this.#current;
  }

  async #filesChanged(): Promise<boolean> {
    if (this.#files === null || performance.now() - this.#lookedAtMs < LOOK_MS) return false;
    this.#lookedAtMs = performance.now();
    return (await this.#files.changed()) && this.#current !== null;
  }

  /** A file may be read while it is being written: what was good before is kept as long as it lives. */
  async #reloadOrKeep(): Promise<AwsCredentialIdentity> {
    try {
      return await this.#reload();
    } catch (error) {
      if (this.#current === null || remainingMs(this.#current) <= 0) throw error;
      return this.#current;
    }
  }

  /** One load at a time, shared by all who ask meanwhile. */
  #reload(): Promise<AwsCredentialIdentity> {
    this.#loading ??= this.#loadOnce().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  async #loadOnce(): Promise<AwsCredentialIdentity> {
    if (this.#load === null) throw new TypeError('credentials that are given cannot be loaded');
    const loaded = await this.#load(this.#options);
    if (this.#current === null || !same(this.#current, loaded)) this.#current = loaded;
    return this.#current;
  }
}

/** Time until credentials expire, in milliseconds; endless where that is not known. */
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
