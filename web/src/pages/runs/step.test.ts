import { expect, it } from 'vitest';
import { layOut } from './layout';
import { step } from './step';

it('the arrow keys walk the graph', () => {
  const layout = layOut([
    { id: 'a', parents: [] },
    { id: 'b', parents: [] },
    { id: 'x', parents: ['a'] },
    { id: 'y', parents: ['b'] },
  ]);
  expect(step(layout, 'a', 'ArrowDown')).toBe('b');
  expect(step(layout, 'a', 'ArrowUp')).toBeUndefined();
  expect(step(layout, 'a', 'ArrowRight')).toBe('x');
  expect(step(layout, 'y', 'ArrowLeft')).toBe('b');
  expect(step(layout, 'y', 'ArrowRight')).toBeUndefined();
  expect(step(layout, 'y', 'Enter')).toBeUndefined();
  expect(step(layout, 'ghost', 'ArrowUp')).toBeUndefined();
});
