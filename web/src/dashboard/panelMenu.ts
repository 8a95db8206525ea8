// What can be done with a panel. The items are made when the menu opens, because who may edit and what there is to
// export is known only then.
import type { PanelMenuItem } from '@grafana/data';
import { VizPanel, VizPanelMenu } from '@grafana/scenes';
import { actions } from './panelActions';

export function panelMenu(): VizPanelMenu {
  return new VizPanelMenu({ $behaviors: [fill] });
}

function fill(menu: VizPanelMenu) {
  const panel = menu.parent;
  if (panel instanceof VizPanel) {
    menu.setItems(itemsOf(panel));
  }
}

function itemsOf(panel: VizPanel): PanelMenuItem[] {
  const does = actions(panel);
  const items: PanelMenuItem[] = [{ text: 'View', iconClassName: 'eye', shortcut: 'v', onClick: does.view }];
  if (does.edit) {
    items.push({ text: 'Edit', iconClassName: 'pen', shortcut: 'e', onClick: does.edit });
  }
  if (does.inspect) {
    items.push({ text: 'Inspect', iconClassName: 'info-circle', shortcut: 'i', onClick: does.inspect });
  }
  if (does.openAsSql) {
    items.push({ text: 'Open as SQL', iconClassName: 'database', onClick: does.openAsSql });
  }
  items.push({
    type: 'submenu',
    text: 'Export',
    iconClassName: 'download-alt',
    subMenu: [
      ...(does.exportCsv ? [{ text: 'CSV', onClick: does.exportCsv }] : []),
      ...(does.exportJson ? [{ text: 'JSON', onClick: does.exportJson }] : []),
      { text: 'PNG', onClick: does.exportPng },
    ],
  });
  return items;
}
