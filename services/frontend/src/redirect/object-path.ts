/** `/v1/<call>/:service/:region/<parameter>`, where the parameter is all that follows. Nothing is decoded. */
export interface ObjectPath {
  readonly call: 'redirect' | 'purge' | 'status';
  readonly service: string;
  readonly region: string;
  readonly parameter: string;
}

const OBJECT_CALL = /^\/v1\/(redirect|purge|status)(?:\/|$)/;

/** Which call on one object the raw path names; `null` where it names none, whatever follows. */
export function objectCallOf(rawPath: string): ObjectPath['call'] | null {
  return (OBJECT_CALL.exec(rawPath)?.[1] as ObjectPath['call'] | undefined) ?? null;
}

/**
 * Splits the raw path. A router would decode it first, and could no longer tell a `/` of the standard base64 alphabet
 * from one that parts segments.
 * @returns `null` where a part is missing
 */
export function parseObjectPath(rawPath: string): ObjectPath | null {
  const call = objectCallOf(rawPath);
  if (call === null) return null;
  const serviceStart = `/v1/${call}/`.length;
  const serviceEnd = rawPath.indexOf('/', serviceStart);
  if (serviceEnd === -1) return null;
  const regionEnd = rawPath.indexOf('/', serviceEnd + 1);
  if (regionEnd === -1) return null;
  return {
    call,
    service: rawPath.slice(serviceStart, serviceEnd),
    region: rawPath.slice(serviceEnd + 1, regionEnd),
    parameter: rawPath.slice(regionEnd + 1),
  };
}
