import { getEndpointFromInstructions } from '@smithy/core/endpoints';

/** The address to which the SDK sends a command, and the region for which it signs the command. */
export interface SdkEndpoint {
  readonly url: URL;
  /** `sigv4` for requests with an ordinary signature. */
  readonly scheme: string | undefined;
  readonly signingRegion: string | undefined;
}

/**
 * Resolves the address of a command with the SDK's own rules, so that signed addresses and direct requests go to the
 * same host. The SDK respects `endpoint`, `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, endpoints of a profile, FIPS and
 * dual-stack settings, and the domains of the AWS partitions.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
 * @throws what the SDK throws if the settings contradict each other
 */
export async function sdkEndpoint(
  ...asked: Parameters<typeof getEndpointFromInstructions>
): Promise<SdkEndpoint> {
  const { url, properties } = await getEndpointFromInstructions(...asked);
  const [scheme] = (properties?.['authSchemes'] ?? []) as { name?: string; signingRegion?: string }[];
  return { url, scheme: scheme?.name, signingRegion: scheme?.signingRegion };
}
