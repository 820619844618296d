import type { IncomingMessage } from 'node:http';
import { askedHost, HttpProblem, isFromOtherSite, isPageOfHost, pageOf } from '@cloud-mirror/http-service';

/**
 * Refuses changes that a page of another site sends: a page that somebody visits must change neither the routes nor the
 * objects of a router on their machine. Browsers name the page's site in `Origin` and `Sec-Fetch-Site`; other programs send
 * neither.
 * @param publicUrl under which browsers may reach the router besides the host of the request; null for none
 * @throws HttpProblem 403
 */
export function refuseForeignPage(request: IncomingMessage, publicUrl: string | null): void {
  if (isFromOtherSite(request))
    throw new HttpProblem(403, 'cross_site', 'Pages of other sites must not change anything here.');
  const { origin } = request.headers;
  if (origin === undefined || isOurs(request, origin, publicUrl)) return;
  throw new HttpProblem(403, 'foreign_origin', 'The page that sent this request is not of this router.');
}

function isOurs(request: IncomingMessage, origin: string, publicUrl: string | null): boolean {
  const page = pageOf(origin);
  if (page === null) return false;
  if (publicUrl !== null && page.origin === URL.parse(publicUrl)?.origin) return true;
  const asked = askedHost(request);
  return asked !== 'invalid' && isPageOfHost(page, asked);
}
