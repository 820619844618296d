import { RewriteError } from '@cloud-mirror/client';
import { Command, CommanderError } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { CommandError, UsageError } from './command-interface.ts';
import type { CommandContext } from './command-interface.ts';
import { auditCommand } from './commands/audit.ts';
import { configCommand } from './commands/config.ts';
import { dnsCommand } from './commands/dns.ts';
import { doctorCommand } from './commands/doctor.ts';
import { eventsCommand, nodesCommand, restartCommand, scaleCommand } from './commands/fleet.ts';
import { flushCommand } from './commands/flush.ts';
import { getCommand } from './commands/get.ts';
import { haproxyCfgCommand } from './commands/haproxy-cfg.ts';
import { purgeCommand } from './commands/purge.ts';
import { putCommand, rmCommand } from './commands/put.ts';
import { routesCommand } from './commands/routes.ts';
import { setupCommand } from './commands/setup.ts';
import { statusCommand } from './commands/status.ts';
import { tokenCommand } from './commands/token.ts';
import { urlCommand } from './commands/url.ts';

const EPILOGUE = `
Program:
  sssp                 runs a router of storage routes alone; see cloud-mirror sssp --help

Environment:
  CLOUD_MIRROR_URL     URL of the front end, if --mirror is not given
  CLOUD_MIRROR_TOKEN   a token, for purge, flush, status, routes, put, rm, scale and restart
  CLOUD_MIRROR_ROUTER  URL of the router, if --router is not given
  CLOUD_MIRROR_FLEET   URL of the fleet, if --fleet is not given
  CLOUD_MIRROR_CONFIG  the configuration file, for config check, setup, doctor and dns

Exit status: 0 done, 1 failed, 2 wrong usage or configuration.`;

/** Builds the command line with all commands. No command ends the process. */
export function createProgram(context: CommandContext): Command {
  const program = new Command('cloud-mirror')
    .description('Downloads artifacts through Cloud Mirror, and operates it')
    .version(packageJson.version)
    .addHelpText('after', EPILOGUE);
  const commands = [
    urlCommand,
    getCommand,
    purgeCommand,
    flushCommand,
    statusCommand,
    configCommand,
    setupCommand,
    doctorCommand,
    putCommand,
    rmCommand,
    routesCommand,
    tokenCommand,
    auditCommand,
    nodesCommand,
    scaleCommand,
    restartCommand,
    eventsCommand,
    dnsCommand,
    haproxyCfgCommand,
  ];
  for (const command of commands) program.addCommand(command(context));
  for (const command of withSubcommands(program)) {
    command.exitOverride().configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
    });
  }
  return program;
}

/**
 * Runs one command and prints the reason of a failure on `stderr`.
 * @param args the arguments, without the name of the program
 * @returns the exit status: 0 done, 1 failed, 2 wrong usage or configuration
 */
export async function run(args: readonly string[], context: CommandContext): Promise<number> {
  try {
    await createProgram(context).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    // Commander has already printed its message.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    context.stderr.write(`error: ${messageOf(error, context.signal)}\n`);
    return error instanceof UsageError || error instanceof RewriteError ? 2 : 1;
  }
}

function messageOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted && signal.reason instanceof Error) return signal.reason.message;
  if (error instanceof CommandError || error instanceof UsageError || error instanceof RewriteError)
    return error.message;
  // An unexpected error is a defect, which needs the stack to be found.
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function withSubcommands(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}
