import { requireScope, sendText } from '@cloud-mirror/http-service';
import type { HttpProblem, RequestContext } from '@cloud-mirror/http-service';
import { maskedRoute } from '@cloud-mirror/storage-routes';
import type { LiveRoutes } from '@cloud-mirror/storage-routes';
import { acceptedType } from '../accepted-type.ts';
import { endpointsLine } from './endpoints-line.ts';
import type { RouterInstance } from './endpoints-line.ts';
import { entityTag } from './if-match.ts';
import { pageHeaders, routesPage } from './page/routes-page.ts';
import type { RoutesAuth } from './routes-auth.ts';
import type { FormValues } from './sent-change.ts';

export interface RoutesViewsParts {
  readonly routes: LiveRoutes;
  readonly auth: RoutesAuth;
  /** The instances that can serve, in the order of their start. */
  readonly instances: () => readonly RouterInstance[];
  /** The port that the configuration file names. */
  readonly servicePort: number;
  /** The names of the configuration's back ends, `service/region`, for the page. */
  readonly rules: { readonly stores: readonly string[] };
  /** What a request to each route's store would meet; paths without a fault are absent. */
  readonly checkRoutes: () => Promise<ReadonlyMap<string, string>>;
}

/** The name of the service in the endpoints line; load balancers' tools know it. */
const SERVICE_NAME = 'sssp';

/** In the order of preference for clients without one. */
const MEDIA_TYPES = [
  'text/html',
  'application/json',
  'text/json',
  'text/plain',
  'text/tab-separated-values',
] as const;

/** `GET /` and `HEAD /`: the routes as JSON, the instances as a line, or both as a page. */
export class RoutesViews {
  readonly #parts: RoutesViewsParts;

  constructor(parts: RoutesViewsParts) {
    this.#parts = parts;
  }

  async show(ctx: RequestContext): Promise<void> {
    ctx.set('Vary', 'Accept, Authorization');
    const chosen = acceptedType(ctx.req, MEDIA_TYPES);
    switch (chosen) {
      case 'application/json':
      case 'text/json':
        return this.#showJson(ctx, chosen);
      case 'text/plain':
      case 'text/tab-separated-values':
        return this.#showEndpoints(ctx, chosen);
      case 'text/html':
      case null: // A client that accepts none of the types gets the page.
        return this.#showPage(ctx);
    }
  }

  /** The page with a fault of the form that was submitted, and with what was in the form but its credentials. */
  async showPageWithFault(
    ctx: RequestContext,
    problem: HttpProblem,
    { access: _, secret: __, ...values }: FormValues,
  ): Promise<void> {
    ctx.set('Vary', 'Accept, Authorization');
    const body = await this.#page({ fault: problem.message, values });
    sendText(ctx, problem.status, body, pageHeaders());
  }

  #showJson(ctx: RequestContext, type: string): void {
    this.#requireRoutes(ctx);
    const { routes } = this.#parts;
    const masked = [...routes.configured.values()].map((route) => [route.path, maskedRoute(route)] as const);
    sendText(ctx, 200, `${JSON.stringify(Object.fromEntries(masked), null, 2)}\n`, {
      'Content-Type': `${type}; charset=utf-8`,
      'Cache-Control': 'no-store',
      ETag: entityTag(routes.revision),
    });
  }

  #showEndpoints(ctx: RequestContext, type: string): void {
    const { servicePort, instances } = this.#parts;
    sendText(ctx, 200, endpointsLine(SERVICE_NAME, servicePort, instances()), {
      'Content-Type': `${type}; charset=utf-8`,
      'Cache-Control': 'no-store',
    });
  }

  async #showPage(ctx: RequestContext): Promise<void> {
    const { auth } = this.#parts;
    // Load balancers check this address without a token. `?sign-in` makes a browser ask for one.
    const isPublic =
      !auth.isOpen && ctx.req.headers.authorization === undefined && ctx.querystring !== 'sign-in';
    if (!isPublic) this.#requireRoutes(ctx);
    const body = isPublic ? routesPage({ ...this.#common(), routes: null }) : await this.#page({});
    sendText(ctx, 200, body, pageHeaders());
  }

  async #page(shown: { readonly fault?: string; readonly values?: FormValues }): Promise<string> {
    const { routes, rules, checkRoutes } = this.#parts;
    const faults = await checkRoutes();
    const inMemory = new Set(routes.inMemory);
    return routesPage({
      ...this.#common(),
      routes: [...routes.configured.values()].map((route) => ({
        path: route.path,
        masked: maskedRoute(route),
        inMemory: inMemory.has(route.path),
        fault:
          route.credentials.kind === 'unopened' ? route.credentials.fault : (faults.get(route.path) ?? null),
      })),
      stores: rules.stores,
      degraded: routes.degraded !== null,
      ...shown,
    });
  }

  #common(): { readonly instances: readonly RouterInstance[] } {
    return { instances: this.#parts.instances() };
  }

  /** @throws HttpProblem 401, 403 */
  #requireRoutes(ctx: RequestContext): void {
    requireScope(this.#parts.auth.identify(ctx.req.headers.authorization), 'routes');
  }
}
