// A file that is opened, edited and saved: what stays as it was, and what is told of it.
import { beforeAll, describe, expect, it } from 'vitest';
import { filledServices } from '../host/filled';
import { buildScene } from './DashboardScene';
import { panelById, pathOfPanel, textOfDashboard, withIds } from './json';
import { noticesOfDashboard, noticesOfPanel } from './notices';
import { setIn } from './setIn';

/** Keys in an order that no serializer would choose, and some that this page does not know. */
const FILE = `{
  "uid": "a",
  "title": "A",
  "zzz": {
    "kept": [
      1,
      2.50e0
    ]
  },
  "panels": [
    {
      "id": 2,
      "type": "row",
      "title": "More",
      "collapsed": true,
      "gridPos": { "h": 1, "w": 24, "x": 0, "y": 0 },
      "panels": [
        {
          "id": 3,
          "type": "timeseries",
          "title": "Inner",
          "targets": [
            {
              "refId": "A",
              "rawSql": "SELECT 1",
              "builderOptions": {}
            }
          ],
          "fieldConfig": {
            "defaults": {
              "unit": "short"
            },
            "overrides": []
          }
        }
      ]
    }
  ],
  "schemaVersion": 39
}
`;
/** The same, as any JSON writer with two spaces writes it. */
const TEXT = textOfDashboard(JSON.parse(FILE));

const open = (text: string) => buildScene({ dashboard: JSON.parse(text), file: 'a.json', version: '1', writable: true, reason: null }, 'a');

beforeAll(filledServices);

describe('a dashboard that was opened', () => {
  it('is saved byte for byte as it was when nothing was edited', () => {
    const scene = open(TEXT);
    scene.state.grid.place();
    scene.state.grid.toggle(scene.state.grid.state.cells[0] as never);
    expect(scene.isEdited()).toBe(false);
    expect(textOfDashboard(scene.state.document)).toBe(TEXT);
  });

  it('differs in the edited line alone', () => {
    const scene = open(TEXT);
    scene.changePanel(3, setIn(scene.panel(3)!, ['fieldConfig', 'defaults', 'unit'], 'ms'));
    expect(scene.isEdited()).toBe(true);
    expect(textOfDashboard(scene.state.document)).toBe(TEXT.replace('"unit": "short"', '"unit": "ms"'));
    scene.change(scene.state.saved);
    expect(scene.isEdited()).toBe(false);
  });

  it('is no longer edited once it was saved', () => {
    const scene = open(TEXT);
    scene.changePanel(3, setIn(scene.panel(3)!, ['title'], 'New'));
    scene.markSaved(scene.state.document, '2');
    expect(scene.isEdited()).toBe(false);
    expect(scene.state.version).toBe('2');
  });

  it('keeps what was edited while it was being saved', () => {
    const scene = open(TEXT);
    scene.changePanel(3, setIn(scene.panel(3)!, ['title'], 'New'));
    const sent = scene.state.document;
    scene.changePanel(3, setIn(scene.panel(3)!, ['title'], 'Newer'));
    scene.markSaved(sent, '2');
    expect(scene.isEdited()).toBe(true);
  });

  it('counts what is typed, and puts it in before it is saved', () => {
    const scene = open(TEXT);
    scene.setDraft('a', () => scene.changePanel(3, setIn(scene.panel(3)!, ['title'], 'Typed')));
    scene.setDraft('b', () => {
      throw new Error('no JSON');
    });
    expect(scene.isEdited()).toBe(true);
    expect(() => scene.applyDrafts()).toThrow('no JSON');
    scene.setDraft('b', undefined);
    expect(scene.panel(3)?.title).toBe('Typed');
    expect(scene.state.drafts).toEqual({});
  });
});

describe('the place of a panel', () => {
  it('is found in a collapsed row as well', () => {
    expect(pathOfPanel(JSON.parse(FILE), 3)).toEqual(['panels', 0, 'panels', 0]);
    expect(panelById(JSON.parse(FILE), 3)?.title).toBe('Inner');
    expect(pathOfPanel(JSON.parse(FILE), 9)).toBeUndefined();
  });
});

describe('ids', () => {
  it('are given to panels without one and to the second of a pair', () => {
    const dashboard = { panels: [{ id: 2 }, { type: 'row', panels: [{ id: 2 }, { id: 7 }] }, {}] };
    expect(withIds(dashboard).panels).toEqual([{ id: 2 }, { type: 'row', id: 9, panels: [{ id: 8 }, { id: 7 }] }, { id: 10 }]);
    const fine = JSON.parse(FILE);
    expect(withIds(fine)).toBe(fine);
  });
});

describe('setIn', () => {
  it('keeps the order of keys, shares the rest and takes a key away', () => {
    const old = { b: { x: 1 }, a: 2, c: [{ d: 1 }] };
    const next = setIn(old, ['c', 0, 'd'], 2);
    expect(JSON.stringify(next)).toBe('{"b":{"x":1},"a":2,"c":[{"d":2}]}');
    expect(next.b).toBe(old.b);
    expect(JSON.stringify(setIn(old, ['a'], undefined))).toBe('{"b":{"x":1},"c":[{"d":1}]}');
    expect(setIn(old, ['a'], 2)).toBe(old);
    expect(setIn({}, ['options', 'legend', 'show'], true)).toEqual({ options: { legend: { show: true } } });
  });
});

describe('notices', () => {
  it('tell what is not done here', () => {
    expect(noticesOfDashboard({ templating: { list: [{ name: 'f', type: 'adhoc' }] } })).toHaveLength(1);
    expect(noticesOfDashboard({ templating: { list: [{ name: 'f', type: 'query' }] } })).toEqual([]);
    expect(noticesOfDashboard({ spec: {}, apiVersion: 'dashboard.grafana.app/v2' })).toHaveLength(1);
    expect(
      noticesOfPanel({ id: 1, type: 'x', libraryPanel: { name: 'l' }, transformations: [{ id: 'nonsense', options: {} }], targets: [{ refId: 'B', datasource: { type: '__expr__', uid: '__expr__' } }] })
    ).toHaveLength(3);
  });
});
