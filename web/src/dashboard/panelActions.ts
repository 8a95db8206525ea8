// The deeds behind the panel's menu and its keys. What is open stands in the URL, so that Back closes it.
import { locationService } from '@grafana/runtime';
import { sceneGraph, type VizPanel } from '@grafana/scenes';
import { toaster } from '../host/toaster';
import { saveCsv } from './export/csv';
import { answeredOf, sqlsOf } from './facts';
import { saveJson } from './export/json';
import { savePng } from './export/png';
import { mayEdit } from './mayEdit';

export const VIEW = 'viewPanel';
export const EDIT = 'editPanel';
export const INSPECT = 'inspect';

export const open = (param: string, value: string | number) => locationService.partial({ [VIEW]: null, [EDIT]: null, [INSPECT]: null, [param]: value });
export const close = () => locationService.partial({ [VIEW]: null, [EDIT]: null, [INSPECT]: null });

export function actions(panel: VizPanel) {
  const key = panel.state.key!;
  const { data } = sceneGraph.getData(panel).state;
  const frames = data?.series ?? [];
  const [sql] = sqlsOf(answeredOf(panel).state.data).values();
  const name = panel.interpolate(panel.state.title, undefined, 'text') || 'panel';
  return {
    view: () => open(VIEW, key),
    edit: mayEdit() ? () => open(EDIT, panel.getLegacyPanelId()) : undefined,
    inspect: data ? () => locationService.partial({ [INSPECT]: key }) : undefined,
    openAsSql: sql ? () => locationService.push(`/sql?q=${encodeURIComponent(sql)}`) : undefined,
    exportCsv: frames.length > 0 ? () => saveCsv(frames, name) : undefined,
    exportJson: frames.length > 0 ? () => saveJson(frames, name) : undefined,
    exportPng: () => void savePng(elementOf(key), name).catch((error) => toaster.error('The picture could not be made', error)),
  };
}

function elementOf(key: string): HTMLElement {
  const element = document.querySelector<HTMLElement>(`[data-panel="${CSS.escape(key)}"] section`);
  if (!element) {
    throw new Error('the panel is not on the page');
  }
  return element;
}
