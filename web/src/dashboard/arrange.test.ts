// Where panels stand: rows, repeats, gaps.
import { describe, expect, it } from 'vitest';
import { arrange, type Arranging, type Choice } from './arrange';
import type { PanelJson } from './json';

const at = (id: number, x: number, y: number, w: number, h: number, more: Partial<PanelJson> = {}): PanelJson => ({ id, type: 'stat', gridPos: { x, y, w, h }, ...more });
const values = (name: string, ...given: string[]): Choice[] => given.map((value) => ({ name, value, text: value }));
const with_ = (choices: Record<string, Choice[]> = {}, toggled: Record<string, boolean> = {}): Arranging => ({ choices: (name) => choices[name], collapsed: (key) => toggled[key] });
const places = (panels: PanelJson[], arranging = with_()) => arrange(panels, arranging).map(({ key, x, y, w, h }) => [key, x, y, w, h]);

describe('arrange', () => {
  it('leaves panels where they are and closes gaps upwards', () => {
    expect(places([at(1, 0, 0, 12, 4), at(2, 12, 0, 12, 8), at(3, 0, 10, 12, 4)])).toEqual([
      ['panel-1', 0, 0, 12, 4],
      ['panel-2', 12, 0, 12, 8],
      ['panel-3', 0, 4, 12, 4],
    ]);
  });

  it('hides the panels of a collapsed row until it is opened, and moves what is below', () => {
    const panels = [at(1, 0, 0, 24, 1, { type: 'row', collapsed: true, panels: [at(2, 0, 1, 24, 5)] }), at(3, 0, 1, 24, 1, { type: 'row' }), at(4, 0, 2, 24, 3)];
    expect(places(panels)).toEqual([
      ['panel-1', 0, 0, 24, 1],
      ['panel-3', 0, 1, 24, 1],
      ['panel-4', 0, 2, 24, 3],
    ]);
    expect(places(panels, with_({}, { 'panel-1': false }))).toEqual([
      ['panel-1', 0, 0, 24, 1],
      ['panel-2', 0, 1, 24, 5],
      ['panel-3', 0, 6, 24, 1],
      ['panel-4', 0, 7, 24, 3],
    ]);
  });

  it('repeats a panel side by side, at most maxPerRow in a line, and pushes down what follows', () => {
    const panels = [at(1, 0, 0, 6, 4, { repeat: 'v', repeatDirection: 'h', maxPerRow: 2 }), at(2, 0, 4, 24, 3)];
    expect(places(panels, with_({ v: values('v', 'a', 'b', 'c') }))).toEqual([
      ['panel-1~v=a', 0, 0, 12, 4],
      ['panel-1~v=b', 12, 0, 12, 4],
      ['panel-1~v=c', 0, 4, 12, 4],
      ['panel-2', 0, 8, 24, 3],
    ]);
  });

  it('repeats a panel downwards in its own width', () => {
    expect(places([at(1, 3, 0, 6, 4, { repeat: 'v', repeatDirection: 'v' })], with_({ v: values('v', 'a', 'b') }))).toEqual([
      ['panel-1~v=a', 3, 0, 6, 4],
      ['panel-1~v=b', 3, 4, 6, 4],
    ]);
  });

  it('repeats a row with its panels, each with the value of its row', () => {
    const cells = arrange([at(1, 0, 0, 24, 1, { type: 'row', repeat: 'v' }), at(2, 0, 1, 12, 4)], with_({ v: values('v', 'a', 'b') }));
    expect(cells.map(({ key, y }) => [key, y])).toEqual([
      ['panel-1~v=a', 0],
      ['panel-2~v=a', 1],
      ['panel-1~v=b', 5],
      ['panel-2~v=b', 6],
    ]);
    expect(cells[3].scoped).toEqual(values('v', 'b'));
  });

  it('shows a panel once when its variable has no value or is not there', () => {
    expect(places([at(1, 0, 0, 6, 4, { repeat: 'v' })], with_({ v: [] }))).toEqual([['panel-1', 0, 0, 6, 4]]);
    expect(places([at(1, 0, 0, 6, 4, { repeat: 'none' })])).toEqual([['panel-1', 0, 0, 6, 4]]);
  });
});
