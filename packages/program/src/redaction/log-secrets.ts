import { AsyncLocalStorage } from 'node:async_hooks';
import { SecretValues } from './secret-values.ts';

/** The secrets that the lines of one logger, and of its children, must not contain. */
export class LogSecrets {
  /** Those of the process, such as the passwords in its configuration. */
  readonly always = new SecretValues();
  readonly #scope = new AsyncLocalStorage<SecretValues>();

  /** Runs work, such as a request. Lines that it logs, also later in its promises, do not contain its secrets. */
  run<T>(secrets: SecretValues, work: () => T): T {
    return this.#scope.run(secrets, work);
  }

  /** Those of the work that is running; undefined outside of {@link run}. */
  get current(): SecretValues | undefined {
    return this.#scope.getStore();
  }
}
