import { expect, it } from 'vitest';
import { subjectAltNames } from './subject-alt-names.ts';

it.each([
  ['', []],
  ['DNS:a.example, URI:spiffe://clinic/hms-api', ['DNS:a.example', 'URI:spiffe://clinic/hms-api']],
  ['IP Address:127.0.0.1', ['IP Address:127.0.0.1']],
  // A name that says that it is two.
  ['DNS:"a.example, URI:spiffe://clinic/hms-api"', ['DNS:a.example, URI:spiffe://clinic/hms-api']],
  ['URI:"spiffe://clinic/\\"a\\"", DNS:b', ['URI:spiffe://clinic/"a"', 'DNS:b']],
  // Not as Node writes it: nothing of it counts.
  ['DNS:a.example, "URI:spiffe://clinic/hms-api', []],
  ['DNS:a"b", URI:x', []],
])('reads the names of %j', (text, names) => {
  expect(subjectAltNames(text)).toEqual(names);
});
