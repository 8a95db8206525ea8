import { expect, it } from 'vitest';
import { cellColors, contrast, readable } from './contrast';

it('cells can be read at every share, on dark and light', () => {
  for (const base of ['#181b1f', '#ffffff']) {
    for (const accent of ['#5794f2', '#73bf69', '#f2495c', '#fade2a', '#3274d9']) {
      for (let share = 0; share <= 1; share += 0.05) {
        const { background, text } = cellColors(share, accent, base);
        expect(contrast(background, text)).toBeGreaterThanOrEqual(4.5);
      }
    }
  }
});

it('texts are made strong enough, and no stronger', () => {
  expect(readable('#73bf69', '#181b1f', 4.5)).toBe('#73bf69');
  for (const color of ['#ff780a', '#fade2a', '#56a64b', 'rgb(255, 255, 255)', '#000']) {
    for (const base of ['#ffffff', '#181b1f']) {
      expect(contrast(readable(color, base, 4.5), base)).toBeGreaterThanOrEqual(4.5);
    }
  }
});
