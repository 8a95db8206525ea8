import { expect, it } from 'vitest';
import type { TableStatus } from '../kit/status';
import { remarks } from './remarks';

const none = { clamped_columns: {}, nulled_columns: {}, defaulted_columns: {}, ignored_updates: 0, ignored_deletes: 0, verified: { rows: 0, differences: 0, at: null } } as unknown as TableStatus;

it('says what was done to values, most of it first, and nothing else', () => {
  expect(remarks(none)).toEqual([]);
  expect(remarks({ ...none, clamped_columns: { at: 3, price: 40 }, ignored_updates: 1, ignored_deletes: 2, verified: { rows: 1000, differences: 1, at: 0 } })).toEqual([
    'Values brought into the range that ClickHouse knows: price (40), at (3).',
    'Not followed, as its mode says: 1 update, 2 deletes.',
    'Compared with Postgres: 1 row of 1,000 differ.',
  ]);
});
