import { describe, expect, it } from 'vitest';
import { arcPath, bands, point, ring, share } from './arc';

describe('gauge geometry', () => {
  it('stays in its box at every size', () => {
    for (const [w, h] of [[200, 120], [600, 300], [120, 400], [30, 30]]) {
      for (const shape of ['gauge', 'circle'] as const) {
        const r = ring(w, h, shape, 0.5, true);
        for (const t of [0, 0.25, 0.5, 0.75, 1]) {
          const [x, y] = point(r, r.radius + r.width / 2, r.from + r.sweep * t);
          expect(x).toBeGreaterThanOrEqual(0);
          expect(x).toBeLessThanOrEqual(w);
          expect(y).toBeGreaterThanOrEqual(0);
          expect(y).toBeLessThanOrEqual(h);
        }
      }
    }
  });
  it('bounds shares and survives no range', () => {
    expect([share(5, 0, 10), share(-1, 0, 10), share(11, 0, 10), share(5, 5, 5), share(NaN, 0, 1)]).toEqual([0.5, 0, 1, 0, 0]);
  });
  it('makes bands of thresholds, absolute and in percent', () => {
    const steps = [{ value: null, color: 'g' }, { value: 80, color: 'r' }];
    expect(bands(steps, false, 0, 200)).toEqual([{ from: 0, to: 0.4, color: 'g', value: null }, { from: 0.4, to: 1, color: 'r', value: 80 }]);
    expect(bands(steps, true, 0, 200)[1]).toMatchObject({ from: 0.8, to: 1 });
    expect(bands(steps, false, 100, 200)).toEqual([{ from: 0, to: 1, color: 'r', value: 80 }]);
  });
  it('draws a whole circle', () => {
    expect(arcPath(ring(100, 100, 'circle', 0.5, false), 0, 1)).toContain(' 1 1 ');
  });
});
