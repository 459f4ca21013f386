import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
  X509CrlGenerator,
} from '@peculiar/x509';

/** A certificate and its key, in PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
  readonly serialNumber: string;
}

export interface Issued {
  /** Its common name, which must count for nothing. */
  readonly commonName?: string;
  readonly names?: readonly JsonGeneralName[];
  /** How long it is valid from now; negative: it has expired. Default: a day. */
  readonly validMs?: number;
}

const DAY_MS = 86_400_000;
const SIGNATURE = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
/** Where hubs under test listen. */
const HUB: readonly JsonGeneralName[] = [
  { type: 'ip', value: '127.0.0.1' },
  { type: 'dns', value: 'localhost' },
];

const newKeys = () => webcrypto.subtle.generateKey(SIGNATURE, true, ['sign', 'verify']);

/** An authority that exists as long as a test does. */
export class Authority {
  readonly #certificate: X509Certificate;
  readonly #keys: webcrypto.CryptoKeyPair;
  #issued = 1;

  static async create(): Promise<Authority> {
    const keys = await newKeys();
    const certificate = await X509CertificateGenerator.createSelfSigned({
      ...{ serialNumber: '01', name: 'CN=authority of tests', keys, signingAlgorithm: SIGNATURE },
      ...{ notBefore: new Date(Date.now() - 2 * DAY_MS), notAfter: new Date(Date.now() + DAY_MS) },
      extensions: [new BasicConstraintsExtension(true, 1, true)],
    });
    return new Authority(certificate, keys);
  }

  private constructor(certificate: X509Certificate, keys: webcrypto.CryptoKeyPair) {
    this.#certificate = certificate;
    this.#keys = keys;
  }

  /** Its own certificate in PEM. */
  get cert(): string {
    return this.#certificate.toString('pem');
  }

  /** A certificate for a hub, when no names are given, or for a client. */
  async issue({ commonName = 'tests', names = HUB, validMs = DAY_MS }: Issued = {}): Promise<Pair> {
    const keys = await newKeys();
    this.#issued += 1;
    const certificate = await X509CertificateGenerator.create({
      serialNumber: this.#issued.toString(16).padStart(4, '0'),
      ...{ subject: `CN=${commonName}`, issuer: this.#certificate.subject },
      ...{ publicKey: keys.publicKey, signingKey: this.#keys.privateKey, signingAlgorithm: SIGNATURE },
      ...{ notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + validMs) },
      extensions: [
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension([...names])]),
      ],
    });
    return {
      cert: certificate.toString('pem'),
      key: inPem('PRIVATE KEY', await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)),
      serialNumber: certificate.serialNumber,
    };
  }

  /** The list of what it has revoked, in PEM. */
  async revocations(revoked: readonly Pair[]): Promise<string> {
    const list = await X509CrlGenerator.create({
      issuer: this.#certificate.subject,
      ...{ thisUpdate: new Date(Date.now() - DAY_MS), nextUpdate: new Date(Date.now() + DAY_MS) },
      entries: revoked.map(({ serialNumber }) => ({ serialNumber, revocationDate: new Date() })),
      ...{ signingAlgorithm: SIGNATURE, signingKey: this.#keys.privateKey },
    });
    return inPem('X509 CRL', list.rawData);
  }
}

function inPem(what: string, bytes: ArrayBuffer): string {
  return `-----BEGIN ${what}-----\n${Buffer.from(bytes).toString('base64')}\n-----END ${what}-----\n`;
}
