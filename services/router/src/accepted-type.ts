import type { IncomingMessage } from 'node:http';
import accepts from 'accepts';

const CHARSET = '; charset=utf-8';

/**
 * Chooses the media type of an answer by the quality values of `Accept` (RFC 9110, section 12.5.1). Answers are UTF-8, so
 * a range such as `application/json; charset=utf-8` matches. If no range matches, the ranges count without their
 * parameters: whoever asks for `application/json; version=1` is better served by JSON than by a page.
 * @param types in the order of preference for clients without one, without parameters
 * @returns null if the client accepts none of them
 */
export function acceptedType<Type extends string>(
  request: IncomingMessage,
  types: readonly Type[],
): Type | null {
  return chosen(request, types) ?? chosen(withoutParameters(request), types);
}

type WithHeaders = Pick<IncomingMessage, 'headers'>;

function chosen<Type extends string>(request: WithHeaders, types: readonly Type[]): Type | null {
  const found = accepts(request as IncomingMessage).type(types.map((type) => type + CHARSET));
  return types.find((type) => type + CHARSET === found) ?? null;
}

function withoutParameters({ headers: { accept = '' } }: WithHeaders): WithHeaders {
  const ranges = accept.split(',').map((range) => {
    const [type = '', ...parameters] = range.split(';');
    const quality = parameters.find((parameter) => /^\s*q\s*=/i.test(parameter));
    return quality === undefined ? type : `${type};${quality}`;
  });
  return { headers: { accept: ranges.join(',') } };
}
