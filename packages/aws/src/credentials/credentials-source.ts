import { fromIni } from '@aws-sdk/credential-provider-ini';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import type { AwsCredentialIdentity } from '@smithy/types';

/** The source of credentials: literal keys, a profile of the shared files, or the SDK's default credential chain. */
export type CredentialsSource =
  | {
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      readonly sessionToken?: string | undefined;
      readonly expiration?: Date | undefined;
    }
  | { readonly profile: string }
  | 'chain';

/** Loads credentials without a cache. `options` are the client settings that the SDK passes to a provider. */
export type LoadCredentials = (options: Record<string, unknown>) => Promise<AwsCredentialIdentity>;

/**
 * By default, the SDK caches the contents of the shared files, and static credentials, for the life of the process.
 * `ignoreCache` and `forceRefresh` disable both caches.
 */
export function loaderOf(source: Exclude<CredentialsSource, { accessKeyId: string }>): LoadCredentials {
  const uncached = { ignoreCache: true };
  if (source !== 'chain') return fromIni({ ...uncached, profile: source.profile });
  const chain = defaultProvider(uncached);
  return (options) => chain({ ...options, forceRefresh: true });
}
