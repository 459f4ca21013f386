import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '@hms-sync/proto/google/rpc/error_details';
import { commandLine, hubText } from './advice.ts';
import { ExitCode, Failure } from './failure.ts';
import { formatDuration } from './format.ts';
import { printable } from './terminal.ts';

/** What to do when it is unknown whether an event was accepted. */
export const ADVICE_TO_PUBLISHERS = 'Sending it again with the same id is safe.';

/** What to do when a question got no answer. */
export const ADVICE_TO_READERS = 'It changes nothing: run it again.';

/**
 * Why a call of the hub failed: the status code, the hub's message and reason, each invalid field, and what to do.
 *
 * @param error what the call threw
 * @param address the hub that was called
 * @param whenUnknown what to do when it is unknown whether the call took effect
 */
export function apiFailure(error: unknown, address: string, whenUnknown: string): Failure {
  if (error instanceof Failure) return error;
  const status = ConnectError.from(error);
  const systemCode = systemErrorCode(status);
  if (systemCode !== undefined) return noAnswer(status, systemCode, address);
  if (status.code === Code.Canceled) return cutOff(status, { address, whenUnknown });

  const reason = status.findDetails(ErrorInfoSchema)[0]?.reason;
  const violations = status.findDetails(BadRequestSchema).flatMap((detail) => detail.fieldViolations);
  const lines = [
    `${codeName(status.code)}${reason ? ` (${printable(reason)})` : ''}: ${hubText(status.rawMessage, address)}`,
    ...violations
      // A single invalid field often is the message itself.
      .filter(({ field, description }) => status.rawMessage !== `${field} ${description}`)
      .map(({ field, description }) => `  ${printable(field)}: ${hubText(description, address)}`),
    ...advice(status, { address, whenUnknown }).map((line) => `  ${line}`),
  ];
  const exitCode = violations.length > 0 ? ExitCode.usage : exitCodeOf(status.code);
  return new Failure(lines.join('\n'), exitCode, { cause: error });
}

/** The status code as the gRPC documentation writes it: "INVALID_ARGUMENT". */
export function codeName(code: Code): string {
  return Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase();
}

/** The operating system's code for a failed connection, such as "ECONNREFUSED"; undefined when there was an answer. */
export function systemErrorCode(error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && typeof cause.code === 'string' && /^E(?!RR_)[A-Z0-9]+$/.test(cause.code)) return cause.code;
  }
  return undefined;
}

function noAnswer(status: ConnectError, systemCode: string, address: string): Failure {
  const message =
    systemCode === 'ECONNREFUSED'
      ? `no hub answers at ${address} (ECONNREFUSED): it may not be running`
      : `the connection to the hub at ${address} failed (${systemCode}): ${printable(status.rawMessage)}`;
  return new Failure(`${message}\n  ${howToReachAHub()}`, ExitCode.noAnswer, { cause: status });
}

/** This command reports no call that it cancelled itself: the hub, or something between, ended this one. */
function cutOff(status: ConnectError, { address, whenUnknown }: { address: string; whenUnknown: string }): Failure {
  const message = `the hub at ${address} ended the call before it answered: it may have been stopped or restarted`;
  return new Failure(`${message}\n  ${whenUnknown}`, ExitCode.noAnswer, { cause: status });
}

function howToReachAHub(): string {
  return (
    `Start one with "${commandLine(['start', '--config', 'hms-sync.yaml'])}", or one to try with ` +
    `"${commandLine(['dev'])}", or name another with --address.`
  );
}

function advice(status: ConnectError, { address, whenUnknown }: { address: string; whenUnknown: string }): string[] {
  const retryDelay = status.findDetails(RetryInfoSchema)[0]?.retryDelay;
  if (retryDelay !== undefined) return [`Try again in ${formatDuration(retryDelay)}.`];
  switch (status.code) {
    case Code.Unavailable:
    case Code.Aborted:
    case Code.DeadlineExceeded:
      return [whenUnknown];
    case Code.Unimplemented:
      return [
        `Is ${address} a hub, and is it as new as this command? Its version: ${commandLine(['health'], address)}`,
      ];
    default:
      return [];
  }
}

function exitCodeOf(code: Code): ExitCode {
  switch (code) {
    case Code.InvalidArgument:
    case Code.OutOfRange:
    case Code.AlreadyExists:
    // The hub has no adapter, event or job of this name.
    case Code.NotFound:
      return ExitCode.usage;
    case Code.Unavailable:
    case Code.Aborted:
    case Code.DeadlineExceeded:
      return ExitCode.noAnswer;
    default:
      return ExitCode.failed;
  }
}
