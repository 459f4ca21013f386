import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '@hms-sync/proto/google/rpc/error_details';
import { commandLine, hubText } from './advice.ts';
import { ExitCode, Failure } from './failure.ts';
import { formatDuration } from './format.ts';
import { printable } from './terminal.ts';

/** The advice when it is unknown whether an event was accepted. */
export const ADVICE_TO_PUBLISHERS = 'Publishing it again with the same id is safe.';

/** The advice when a command that only reads got no response. */
export const ADVICE_TO_READERS = 'The command changes nothing: run it again.';

/**
 * The failure of a call: the status code, the hub's message and reason, each invalid field, and what to do.
 *
 * @param error the error of the call
 * @param address the hub that was called
 * @param whenUnknown the advice when it is unknown whether the call took effect
 */
export function apiFailure(error: unknown, address: string, whenUnknown: string): Failure {
  if (error instanceof Failure) return error;
  const status = ConnectError.from(error);
  const systemCode = systemErrorCode(status);
  if (systemCode !== undefined) return noAnswer(status, systemCode, address);
  const certificateCode = codeMatching(status, UNTRUSTED);
  if (certificateCode !== undefined) return untrusted(status, certificateCode, address);
  if (status.code === Code.Canceled) return cutOff(status, { address, whenUnknown });

  const reason = status.findDetails(ErrorInfoSchema)[0]?.reason;
  const violations = status.findDetails(BadRequestSchema).flatMap((detail) => detail.fieldViolations);
  const lines = [
    `${codeName(status.code)}${reason ? ` (${printable(reason)})` : ''}: ${hubText(status.rawMessage, address)}`,
    ...violations
      // The message may already be that of the only invalid field.
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

/** The operating system's code of a failed connection, such as "ECONNREFUSED"; undefined when there was a response. */
export function systemErrorCode(error: unknown): string | undefined {
  return codeMatching(error, /^E(?!RR_)[A-Z0-9]+$/);
}

function codeMatching(error: unknown, wanted: RegExp): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && typeof cause.code === 'string' && wanted.test(cause.code)) return cause.code;
  }
  return undefined;
}

/** Codes of node:tls for a certificate that does not verify. */
const UNTRUSTED = /^(?:UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_|ERR_TLS_CERT_)/;

function untrusted(status: ConnectError, code: string, address: string): Failure {
  return new Failure(
    `the certificate of the hub at ${address} is not trusted (${code}): ${printable(status.rawMessage)}\n` +
      '  If a private CA signed it, name that: --ca <ca.pem>',
    ExitCode.noAnswer,
    { cause: status },
  );
}

function noAnswer(status: ConnectError, systemCode: string, address: string): Failure {
  const message =
    systemCode === 'ECONNREFUSED'
      ? `no hub answers at ${address} (ECONNREFUSED): it may not be running`
      : `the connection to the hub at ${address} failed (${systemCode}): ${printable(status.rawMessage)}`;
  const isReset = systemCode === 'ECONNRESET' && address.startsWith('http:');
  const advice = isReset ? 'If the hub uses TLS, write https:// in --address.' : howToReachAHub();
  return new Failure(`${message}\n  ${advice}`, ExitCode.noAnswer, { cause: status });
}

/** CANCELED: the hub or a proxy ended the call, because this command never reports a call that it cancelled itself. */
function cutOff(status: ConnectError, { address, whenUnknown }: { address: string; whenUnknown: string }): Failure {
  const message = `the hub at ${address} ended the call without a response: it may have been stopped or restarted`;
  return new Failure(`${message}\n  ${whenUnknown}`, ExitCode.noAnswer, { cause: status });
}

function howToReachAHub(): string {
  return (
    `Start one with "${commandLine(['start', '--config', 'hms-sync.yaml'])}", start a demo with ` +
    `"${commandLine(['dev'])}", or set another address with --address.`
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
      return [`Check that ${address} is a hub and not older than this command: ${commandLine(['health'], address)}`];
    default:
      return [];
  }
}

function exitCodeOf(code: Code): ExitCode {
  switch (code) {
    case Code.InvalidArgument:
    case Code.OutOfRange:
    case Code.AlreadyExists:
    // An unknown adapter, event or job.
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
