import type { PartsConfig } from './program-schemas.ts';
import { kindOf } from './store-kinds.ts';

/** A setting that is valid but may not have the effect that an operator expects. */
export interface ConfigWarning {
  /** The path of the key, as in a `Fault`. */
  readonly path: string;
  readonly message: string;
}

export function configWarnings({ services }: Pick<PartsConfig, 'services'>): readonly ConfigWarning[] {
  return Object.entries(services).flatMap(([name, service]) => kindOf(service).warnings(name, service));
}
