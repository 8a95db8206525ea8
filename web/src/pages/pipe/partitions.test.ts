import { expect, it } from 'vitest';
import type { PartitionStatus } from '../kit/status';
import { countsOf, shownPartitions } from './partitions';

const partition = (topic: string, number: number, lag_messages = 0): PartitionStatus => ({ topic, partition: number, offset: 0, end: lag_messages, lag_messages, lag_seconds: 0 });

it('shows the furthest behind first, then by name and number, and not all of many', () => {
  const { shown, left } = shownPartitions([partition('b', 0), partition('a', 10), partition('a', 2), partition('c', 1, 7)]);
  expect(shown.map(({ topic, partition }) => `${topic}/${partition}`)).toEqual(['c/1', 'a/2', 'a/10', 'b/0']);
  expect(left).toBe(0);
  const many = shownPartitions(Array.from({ length: 60 }, (_, number) => partition('t', number)));
  expect([many.shown.length, many.left]).toEqual([50, 10]);
});

it('counts topics and partitions', () => {
  expect(countsOf([partition('a', 0), partition('a', 1), partition('b', 0)])).toEqual({ topics: 2, partitions: 3 });
});
