import { describe, expect, it } from 'vitest';
import { ConfigSecrets } from './config-secrets.ts';

describe('what a process says outside of the protocol', () => {
  it('has no text of the configuration, verbatim or as JSON, a URL or base64 writes it', () => {
    const token = 'hunter2/and "more"';
    const secrets = new ConfigSecrets({ deep: [{ token }], on: 'on' });
    const forms = [token, JSON.stringify(token), encodeURIComponent(token), Buffer.from(token).toString('base64')];
    for (const form of forms)
      expect(secrets.takenOut(`turn it on: ${form}!`)).toMatch(/^turn it on: "?\[redacted\]"?!$/);
  });

  it('says where a system is, when that is all that an address says', () => {
    const secrets = new ConfigSecrets({ baseUrl: 'http://127.0.0.1:9000', hook: 'https://chat.example/T0/hunter2' });
    const said = 'http://127.0.0.1:9000 answers 401, https://chat.example/T0/hunter2 too';
    expect(secrets.takenOut(said)).toBe('http://127.0.0.1:9000 answers 401, [redacted] too');
  });

  it('is cut to its length after they were taken out, never inside one or inside a character', () => {
    const secrets = new ConfigSecrets({ token: 'hunter2hunter2' });
    expect(secrets.takenOut(`${'x'.repeat(505)}hunter2hunter2`)).toBe(`${'x'.repeat(505)}[redact`);
    expect(secrets.takenOut('\u{1f512}'.repeat(400)).isWellFormed()).toBe(true);
  });

  it('does not end in half a secret when it was cut before', () => {
    const token = 'hunter2-'.repeat(500);
    const secrets = new ConfigSecrets({ token });
    const cut = (token.repeat(2) + token).slice(0, 8_192);
    expect(secrets.takenOut(cut)).not.toContain('hunter2');
  });
});
