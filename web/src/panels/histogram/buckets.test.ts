import { describe, expect, it } from 'vitest';
import { histogram } from './buckets';

describe('histogram', () => {
  it('counts every value once, the greatest too', () => {
    const values = Array.from({ length: 1000 }, (_, i) => (i * 7919) % 100);
    for (const bucketCount of [1, 5, 30, 200]) {
      const result = histogram([values], { bucketCount })!;
      expect(result.counts[0].reduce((a, b) => a + b)).toBe(1000);
      expect(result.counts[0].length).toBe(result.edges.length);
      expect(result.edges.length).toBeLessThanOrEqual(bucketCount + 1);
    }
  });
  it('obeys size and offset', () => {
    expect(histogram([[0, 9, 10, 19, 25]], { bucketSize: 10 })).toEqual({ edges: [0, 10, 20], size: 10, counts: [[2, 2, 1]] });
    expect(histogram([[0, 9, 10, 19, 25]], { bucketSize: 10, bucketOffset: 5 })!.edges).toEqual([-5, 5, 15, 25]);
  });
  it('shares buckets between series, or makes them one', () => {
    expect(histogram([[1, 2], [2, 3]], { bucketSize: 1 })!.counts).toEqual([[1, 1, 0], [0, 1, 1]]);
    expect(histogram([[1, 2], [2, 3]], { bucketSize: 1, combine: true })!.counts).toEqual([[1, 2, 1]]);
  });
  it('survives nothing, nulls, one value and tiny sizes', () => {
    expect(histogram([], {})).toBeNull();
    expect(histogram([[null, NaN, 'x']], {})).toBeNull();
    expect(histogram([[5, 5, 5]], {})!.counts[0]).toEqual([3]);
    expect(histogram([[0, 0]], {})!.counts[0]).toEqual([2]);
    expect(histogram([[0, 1e9]], { bucketSize: 0.001 })!.edges.length).toBeLessThanOrEqual(1001);
  });
});
