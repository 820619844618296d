import { fromIni } from '@aws-sdk/credential-provider-ini';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import type { AwsCredentialIdentity } from '@smithy/types';

/** Where credentials come from: given as they are, a profile of the shared files, or the SDK's own chain. */
export type CredentialsSource =
  | {
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      readonly sessionToken?: string | undefined;
      readonly expiration?: Date | undefined;
    }
  | { readonly profile: string }
  | 'chain';

/** Loads credentials without any cache of its own. `options` are what the SDK tells a provider of its client. */
export type LoadCredentials = (options: Record<string, unknown>) => Promise<AwsCredentialIdentity>;

/**
 * The SDK keeps the contents of the shared files for the life of the process, and static credentials as well. Both are
 * told here not to.
 */
export function loaderOf(source: Exclude<CredentialsSource, { accessKeyId: string }>): LoadCredentials {
  const uncached = { ignoreCache: true };
  if (source !== 'chain') return fromIni({ ...uncached, profile: source.profile });
  const chain = defaultProvider(uncached);
  return (options) => chain({ ...options, forceRefresh: true });
}
