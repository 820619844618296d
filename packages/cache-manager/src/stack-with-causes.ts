import { causeChain, codeOf } from '@cloud-mirror/origin';

const MAX_STACK_CHARACTERS = 2048;
const MAX_CAUSE_CHARACTERS = 256;

/**
 * The description of a failure for operators: its stack, then a line for each cause with name, code and message, such as
 * `caused by Error [SELF_SIGNED_CERT_IN_CHAIN]: self-signed certificate in certificate chain`. It has at most about 6,000
 * characters.
 */
export function stackWithCauses(error: Error): string {
  const [, ...causes] = causeChain(error);
  const lines = causes.map((cause) => {
    const code = codeOf(cause);
    const line = `caused by ${cause.name}${code === null ? '' : ` [${code}]`}: ${cause.message}`;
    return line.slice(0, MAX_CAUSE_CHARACTERS);
  });
  return [(error.stack ?? error.message).slice(0, MAX_STACK_CHARACTERS), ...lines].join('\n');
}
