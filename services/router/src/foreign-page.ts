import type { IncomingMessage } from 'node:http';
import { HttpProblem } from '@cloud-mirror/http-service';

/**
 * Refuses changes that a page of another site sends: a page that somebody visits must change neither the routes nor the
 * objects of a router on their machine. Browsers name the page's site in `Origin` and `Sec-Fetch-Site`; other programs send neither.
 * @param publicUrl under which browsers may reach the router besides the host of the request; null for none
 * @throws HttpProblem 403
 */
export function refuseForeignPage({ headers }: IncomingMessage, publicUrl: string | null): void {
  if (headers['sec-fetch-site'] === 'cross-site')
    throw new HttpProblem(403, 'cross_site', 'Pages of other sites must not change anything here.');
  const { origin, host = '' } = headers;
  if (origin === undefined || isOurs(origin, host, publicUrl)) return;
  throw new HttpProblem(403, 'foreign_origin', 'The page that sent this request is not of this router.');
}

function isOurs(origin: string, host: string, publicUrl: string | null): boolean {
  const page = URL.parse(origin);
  if (page === null || page.origin === 'null') return false;
  if (publicUrl !== null && page.origin === URL.parse(publicUrl)?.origin) return true;
  // The port counts: on loopback, another port is another program.
  return page.host === URL.parse(`${page.protocol}//${host}`)?.host;
}
