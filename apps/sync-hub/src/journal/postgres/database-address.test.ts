import { describe, expect, it } from 'vitest';
import { readAddress } from './database-address.ts';

function modeOf(url: string): string | null {
  return new URL(readAddress(url).url).searchParams.get('sslmode');
}

describe('TLS', () => {
  it.each(['db.example', '10.0.0.7', '[fd00::7]', 'db.localhost.example'])(
    'is verified beyond this machine: %s',
    (host) => {
      expect(modeOf(`postgres://hub@${host}/hms`)).toBe('verify-full');
      expect(readAddress(`postgres://hub@${host}/hms`).warning).toBe('');
      // Words of pg that would say otherwise.
      expect(modeOf(`postgres://hub@${host}/hms?ssl=0&ssl=no-verify`)).toBe('verify-full');
      expect(readAddress(`postgres://hub@${host}/hms?ssl=0`).url).not.toMatch(/ssl=/);
    },
  );

  it.each(['localhost', '127.0.0.1', '127.9.9.9', '[::1]', '%2Frun%2Fpostgresql'])(
    'is not needed on it: %s',
    (host) => {
      expect(modeOf(`postgres://hub@${host}/hms`)).toBe('disable');
      expect(modeOf(`postgres://hub@${host}/hms?sslmode=verify-full`)).toBe('verify-full');
      expect(readAddress(`postgres://hub@${host}/hms?sslmode=disable`).warning).toBe('');
    },
  );

  it('counts the host that is named by a parameter', () => {
    expect(modeOf('postgres://hub@localhost/hms?host=db.example')).toBe('verify-full');
    expect(modeOf('postgres:///hms?host=/run/postgresql')).toBe('disable');
  });

  it.each(['disable', 'require', 'no-verify', 'verify-ca'])('is warned of when the address says less: %s', (mode) => {
    const { warning } = readAddress(`postgres://hub:secret@db.example/hms?sslmode=${mode}&sslrootcert=/ca.pem`);
    expect(warning).toMatch(new RegExp(`sslmode=${mode}.*use verify-full`));
    expect(warning).not.toMatch(/secret/);
  });

  it.each([
    ['prefer', /one of verify-full/],
    ['allow', /one of verify-full/],
    ['verify-ca', /needs sslrootcert/],
  ])('has no mode that leaves it to chance: %s', (mode, why) => {
    expect(() => readAddress(`postgres://hub:secret@db.example/hms?sslmode=${mode}`)).toThrow(why);
  });

  it('takes the authorities of the system by the name that psql has for them', () => {
    expect(readAddress('postgres://hub@db.example/hms?sslrootcert=system').url).not.toMatch(/sslrootcert/);
  });
});

it('is shown without the password, wherever that is', () => {
  expect(readAddress('postgres://hub:secret@db.example:5433/hms').location).toBe('postgres://db.example:5433/hms');
  expect(readAddress('postgres://hub@db.example/hms?password=secret').location).toBe('postgres://db.example/hms');
});

it('names the schema', () => {
  expect(readAddress('postgres://hub@db.example/hms').schema).toBe('hms_sync');
  expect(readAddress('postgres://hub@db.example/hms?schema=clinic_2').schema).toBe('clinic_2');
  expect(() => readAddress('postgres://hub@db.example/hms?schema=A"B')).toThrow(/schema= must be/);
});
