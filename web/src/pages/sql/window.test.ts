import { expect, it } from 'vitest';
import { windowOf } from './window';

it('holds what is in sight and a little around it, and no more', () => {
  expect(windowOf(0, 520, 26, 5)).toEqual({ first: 0, end: 5 });
  expect(windowOf(0, 520, 26, 100_000)).toEqual({ first: 0, end: 32 });
  expect(windowOf(26_000, 520, 26, 100_000)).toEqual({ first: 988, end: 1032 });
  expect(windowOf(99_999 * 26, 520, 26, 100_000)).toEqual({ first: 99_987, end: 100_000 });
  // A shorter answer came while the table was scrolled down.
  expect(windowOf(50_000, 520, 26, 3)).toEqual({ first: 3, end: 3 });
});
