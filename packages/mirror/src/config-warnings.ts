import { refusedNames } from '@cloud-mirror/origin';
import type { PartsConfig, SourceRule } from './program-schemas.ts';
import { kindOf } from './store-kinds.ts';

/** A setting that is valid but may not have the effect that an operator expects. */
export interface ConfigWarning {
  /** The path of the key, as in a `Fault`. */
  readonly path: string;
  readonly message: string;
}

export function configWarnings({
  services,
  sources,
}: Pick<PartsConfig, 'services' | 'sources'>): readonly ConfigWarning[] {
  return [
    ...Object.entries(services).flatMap(([name, service]) => kindOf(service).warnings(name, service)),
    ...sources.allow.flatMap((rule, index) => queryWarnings(`sources.allow[${index}].query`, rule)),
  ];
}

function queryWarnings(path: string, { query, signedQuery }: SourceRule): ConfigWarning[] {
  if (query === undefined)
    return [
      {
        path,
        message:
          'not set, so every query of an allowed URL makes a copy of its own, and anybody can fill the stores with them; set refuse, ignore, the names of the parameters that count, or keep if this is wanted',
      },
    ];
  const refused = signedQuery === 'keep' ? [] : refusedNames(query);
  if (refused.length === 0) return [];
  const message = `has ${refused.join(', ')}, which is refused as the name of a signature or token; with signedQuery: keep in the same entry it is accepted, and its value is stored`;
  return [{ path, message }];
}
