import { getEndpointFromInstructions } from '@smithy/core/endpoints';

/** Where the SDK sends a command, and for which region it signs it. */
export interface SdkEndpoint {
  readonly url: URL;
  /** `sigv4` for requests that are signed in the usual way. */
  readonly scheme: string | undefined;
  readonly signingRegion: string | undefined;
}

/**
 * Asks the SDK where it sends a command, so that signed addresses and requests without the SDK go to the same host: it heeds
 * `endpoint`, `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, endpoints of a profile, FIPS and dual-stack settings, and the
 * domains of the AWS partitions.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
 * @throws what the SDK throws where the settings contradict each other
 */
export async function sdkEndpoint(
  ...asked: Parameters<typeof getEndpointFromInstructions>
): Promise<SdkEndpoint> {
  const { url, properties } = await getEndpointFromInstructions(...asked);
  const [scheme] = (properties?.['authSchemes'] ?? []) as { name?: string; signingRegion?: string }[];
  return { url, scheme: scheme?.name, signingRegion: scheme?.signingRegion };
}
