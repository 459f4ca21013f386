import type { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type CertificateRule, ClientCertificates } from './client-certificate.ts';

describe('the rules', () => {
  const certificate = {
    ...{ subjectAltName: 'DNS:api.clinic, DNS:board.clinic', raw: Buffer.of(1), serialNumber: '1' },
    validToDate: new Date('2126-10-30'),
  } as X509Certificate;
  const connection = {};
  const api: CertificateRule = { dns: 'api.clinic', role: 'viewer' };
  const board: CertificateRule = { dns: 'board.clinic', role: 'operator' };
  const other: CertificateRule = { dns: 'other.clinic', role: 'admin' };
  const open = (rules: readonly CertificateRule[]) => {
    const certificates = new ClientCertificates(rules);
    return { certificates, principal: () => certificates.of(connection, () => certificate)?.principal };
  };

  it('are read once for a connection, until they are replaced', () => {
    const { certificates, principal } = open([other]);
    expect(principal()).toBeUndefined();
    certificates.replace([other, api]);
    expect(principal()).toMatchObject({ name: 'api.clinic', role: 'viewer' });
    expect(principal()).toBe(principal());
  });

  it('that are added at the end leave what was opened by those before', () => {
    const { certificates, principal } = open([api]);
    const before = principal();
    certificates.replace([structuredClone(api), board]);
    expect(before?.lifetime?.isOver).toBe(false);
    expect(principal()).toMatchObject({ role: 'viewer' });
  });

  it.each([
    ['gone', [board], 'operator'],
    ['changed', [{ ...api, adapters: ['lab'] }], 'viewer'],
    ['behind one that fits first', [board, api], 'operator'],
  ] as const)('end what was opened by one that is %s', (_what, next, role) => {
    const { certificates, principal } = open([api]);
    const before = principal();
    certificates.replace(next);
    expect(before?.lifetime?.isOver).toBe(true);
    expect(principal()).toMatchObject({ role });
  });
});
