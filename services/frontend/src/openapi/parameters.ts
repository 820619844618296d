import { pathParameter } from '@cloud-mirror/http-service/openapi';

export const SERVICE = pathParameter('service', 'A service of the configuration.');
export const REGION = pathParameter('region', 'A region of that service.');
export const REGION_OR_ALL = pathParameter('region', 'A region of that service, or `all`.');
export const ORIGIN_URL = pathParameter(
  'b64url',
  'The origin URL in base64url (RFC 4648) without padding. Padding, the standard alphabet, and the percent-encoded URL itself are accepted as well.',
);
