import { fileNameSegment } from './file-name.ts';
import { mirrorAddress } from './mirror-address.ts';
import { checkedOriginUrl, originParameter } from './origin-parameter.ts';

export interface RewriteOptions {
  /** The front end's public URL, such as `https://mirror.example.com`. */
  readonly mirror: string;
  readonly service: string;
  readonly region: string;
  /**
   * Appends `/<name>`, which the mirror ignores, for clients that take the name of the file from the address (pip,
   * `curl -O`, bazel). `true` uses the name in the origin URL. A string must contain a dot.
   */
  readonly fileName?: boolean | string | undefined;
}

/**
 * The mirrored address of an origin object: `<mirror>/v1/redirect/<service>/<region>/<base64url>[/<name>]`.
 * The origin URL is encoded as written, without its fragment.
 * @throws RewriteError
 */
export function rewriteUrl(originUrl: string, options: RewriteOptions): string {
  const { mirror, service, region, fileName = false } = options;
  const address = mirrorAddress(mirror, ['v1', 'redirect', service, region, originParameter(originUrl)]);
  if (fileName === false) return address;
  return `${address}/${fileNameSegment(fileName, checkedOriginUrl(originUrl))}`;
}
