import type { Backends } from '@cloud-mirror/mirrored-objects';
import type { Logger } from '@cloud-mirror/program';
import { isRoutedKey } from '@cloud-mirror/routed-objects';
import { isLocallyServed } from '@cloud-mirror/storage-provider';
import { HttpProblem } from '@cloud-mirror/http-service';
import type { RequestContext } from '../request-context.ts';
import { knownBackend } from '../operators/known-backends.ts';
import { recordBackend } from '../redirect/object-record.ts';
import { objectHeaders } from './object-headers.ts';
import type { ObjectReaders } from './object-readers.ts';
import { enterReaders, serveObject } from './serve-object.ts';

export interface ObjectsRouteParts {
  readonly backends: Backends;
  readonly logger: Logger;
  readonly readers: ObjectReaders;
}

export interface ObjectName {
  readonly service: string;
  readonly region: string;
  /** A SHA-256 in lower-case hex. */
  readonly name: string;
}

/** `GET|HEAD /v1/objects/:service/:region/:name`: copies of `filesystem` back ends. */
export function objectsRoute({ backends, logger, readers }: ObjectsRouteParts) {
  return async (ctx: RequestContext, { service, region, name }: ObjectName): Promise<void> => {
    recordBackend(ctx.state.record, service, region);
    const { store } = knownBackend(backends, service, region);
    if (!isLocallyServed(store) || !/^[0-9a-f]{64}$/.test(name)) throw noSuchObject();
    using reader = await enterReaders(readers, ctx);
    await using opened = await store.openNamed(name);
    if (opened === null || isRoutedKey(opened.key)) throw noSuchObject();
    const { object } = opened;
    await serveObject(ctx, { opened, etag: object.etag, headers: objectHeaders(object) }, reader, logger);
  };
}

function noSuchObject(): HttpProblem {
  return new HttpProblem(404, 'no_such_object', 'There is no copy with this name.');
}
