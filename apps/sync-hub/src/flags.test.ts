import { describe, expect, it } from 'vitest';
import { FlagError, HELP, parseFlags } from './flags.ts';

const nothing = {
  config: 'hms-sync.yaml',
  listen: undefined,
  dataDir: undefined,
  logLevel: undefined,
  newJournal: false,
  acceptNoAuthentication: false,
  dev: false,
  allowRoot: false,
  help: false,
  version: false,
};

function complaint(args: readonly string[]): string {
  try {
    parseFlags(args);
  } catch (error) {
    if (error instanceof FlagError) return error.message;
  }
  throw new Error(`${args.join(' ')} was not refused`);
}

describe('flags', () => {
  it('have defaults', () => {
    expect(parseFlags([])).toEqual(nothing);
  });

  it('take their value after a space or an equals sign', () => {
    const expected = { ...nothing, config: 'a.yaml', listen: '[::1]:0', dataDir: '/data', logLevel: 'debug' };
    expect(
      parseFlags(['--config', 'a.yaml', '--listen', '[::1]:0', '--data-dir', '/data', '--log-level', 'debug']),
    ).toEqual(expected);
    expect(parseFlags(['--config=a.yaml', '--listen=[::1]:0', '--data-dir=/data', '--log-level=debug'])).toEqual(
      expected,
    );
  });

  it('take the last of several, and equals signs in a value', () => {
    expect(parseFlags(['--config=a', '--config', 'b=c']).config).toBe('b=c');
  });

  it('ask for help or the version', () => {
    expect(parseFlags(['--help'])).toEqual({ ...nothing, help: true });
    expect(parseFlags(['--version'])).toEqual({ ...nothing, version: true });
  });

  it('are all in the help', () => {
    for (const name of [
      'config',
      'listen',
      'data-dir',
      'log-level',
      'dev',
      'allow-root',
      'i-accept-no-authentication',
      'help',
      'version',
    ])
      expect(HELP).toContain(`--${name}`);
  });
});

describe('a wrong command line', () => {
  it.each([
    [['--lisen', 'x'], 'unknown flag --lisen; did you mean --listen?'],
    [['--datadir=x'], 'unknown flag --datadir; did you mean --data-dir?'],
    [['--Config', 'x'], 'unknown flag --Config; did you mean --config?'],
    [['--zebra'], 'unknown flag --zebra; see --help'],
    [['-c', 'x'], 'unknown flag -c; see --help'],
    [['--constructor'], 'unknown flag --constructor; see --help'],
    [['--__proto__=x'], 'unknown flag --__proto__; see --help'],
    [['start'], '"start" is not expected; see --help'],
    [['--config', 'a.yaml', 'b.yaml'], '"b.yaml" is not expected; see --help'],
    [['--', '--config'], '"--config" is not expected; see --help'],
    [['--config'], '--config needs a value; see --help'],
    [['--config='], '--config needs a value; see --help'],
    [['--config', ''], '--config needs a value; see --help'],
    [['--config', '--listen', 'x:1'], '--config needs a value; see --help'],
    [['--help=yes'], '--help takes no value; see --help'],
  ])('is refused in one line: %j', (args, message) => {
    expect(complaint(args)).toBe(message);
  });
});
