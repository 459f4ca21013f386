import { describe, expect, it } from 'vitest';
import { adapterName, NameError } from './adapter-name.ts';

describe('the name of an adapter', () => {
  it.each([
    ['lab', { id: 'lab', packageName: 'adapter-lab', folder: 'lab' }],
    ['adapter-lab', { id: 'lab', packageName: 'adapter-lab', folder: 'adapter-lab' }],
    ['@clinic/lab', { id: 'lab', packageName: '@clinic/adapter-lab', folder: 'lab' }],
    ['@clinic/adapter-lab-2', { id: 'lab-2', packageName: '@clinic/adapter-lab-2', folder: 'adapter-lab-2' }],
  ])('%s is understood', (text, name) => {
    expect(adapterName(text)).toEqual(name);
  });

  it.each([
    ['Lab', /a-z, 0-9 and -, beginning with a letter, such as lab$/],
    ['labResults', /such as lab-results$/],
    ['9lab', /such as lab$/],
    ['lab_results', /such as lab-results$/],
    ['../lab', /"\.\." is not an npm scope: a scope begins with @, as in @clinic\/lab$/],
    ['clinic/lab', /"clinic" is not an npm scope/],
    ['@clinic/', /as in lab$/],
    ['@clinic/a/b', /such as a-b$/],
    ['', /as in lab$/],
    ['漢字', /as in lab$/],
    ['a'.repeat(64), /1 to 63/],
  ])('%j is rejected, with what would do', (text, message) => {
    expect(() => adapterName(text)).toThrow(NameError);
    expect(() => adapterName(text)).toThrow(message);
  });
});
