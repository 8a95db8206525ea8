// Answers by row become answers by column.
import { describe, expect, it } from 'vitest';
import { byColumn, type Answer } from './api';

const answer = (columns: number, data: unknown[][], rows: number): Answer => ({
  meta: Array.from({ length: columns }, (_, at) => ({ name: `c${at}`, type: 'String' })),
  data,
  rows,
  statistics: { elapsed: 0, rows_read: 0, bytes_read: 0 },
});

describe('byColumn', () => {
  it('turns rows', () => expect(byColumn(answer(2, [['a', 1], ['b', 2], ['c', 3]], 3)).data).toEqual([['a', 'b', 'c'], [1, 2, 3]]));
  it('gives each column an empty list when there are no rows', () => expect(byColumn(answer(2, [], 0)).data).toEqual([[], []]));
  it('leaves columns', () => expect(byColumn(answer(2, [['a', 'b', 'c'], [1, 2, 3]], 3)).data).toEqual([['a', 'b', 'c'], [1, 2, 3]]));
  it('takes a square for rows', () => expect(byColumn(answer(2, [['a', 1], ['b', 2]], 2)).data).toEqual([['a', 'b'], [1, 2]]));
});
