// dependency-cruiser reads its rules from a JavaScript file.
export { boundaries as default } from './boundaries.ts';
