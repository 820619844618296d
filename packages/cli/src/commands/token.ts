import { createHash, randomBytes } from 'node:crypto';
import { SCOPES } from '@cloud-mirror/mirror/scopes';
import { Command } from 'commander';
import { UsageError } from '../command-interface.ts';
import type { CommandContext } from '../command-interface.ts';

const TOKEN_BYTES = 32;

/** `token new`: creates an operator's token and its line for `admin.tokens`. */
export function tokenCommand(context: CommandContext): Command {
  return new Command('token').description("operators' tokens").addCommand(
    new Command('new')
      .description(
        'creates a token and prints it once, with its line for admin.tokens, which contains only a hash',
      )
      .requiredOption('--name <name>', 'the name of the operator, which appears in the logs')
      .requiredOption('--scopes <list>', `scopes, separated by commas, from: ${SCOPES.join(', ')}`)
      .action((options: { name: string; scopes: string }) => {
        const scopes = checkedScopes(options.scopes);
        const token = randomBytes(TOKEN_BYTES).toString('base64url');
        const sha256 = createHash('sha256').update(token).digest('hex');
        // Quoted, because a name may be a YAML keyword, and a hash may look like a number.
        const line = `- { name: ${JSON.stringify(checkedName(options.name))}, sha256: '${sha256}', scopes: [${scopes.join(', ')}] }`;
        context.stderr.write('The token, which is shown only once, and its line for admin.tokens:\n');
        context.stdout.write(`${token}\n${line}\n`);
      }),
  );
}

function checkedName(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name))
    throw new UsageError(
      'the name is invalid; give at most 63 letters, digits, dots, dashes and underscores, beginning with a letter or digit',
    );
  return name;
}

function checkedScopes(list: string): readonly string[] {
  const scopes = [...new Set(list.split(',').map((scope) => scope.trim()))];
  const unknown = scopes.filter((scope) => !(SCOPES as readonly string[]).includes(scope));
  if (unknown.length > 0)
    throw new UsageError(
      `there is no scope ${JSON.stringify(unknown[0])}; give one or more of ${SCOPES.join(', ')}`,
    );
  return scopes;
}
