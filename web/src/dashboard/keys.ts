// The keys of a dashboard, as in Grafana: `v`, `e`, `i` for the panel below the mouse, `t z` zoom out, `t ←` and `t →`
// move in time, `d r` refresh, `Escape` back, `?` help.
import { sceneGraph } from '@grafana/scenes';
import { useEffect, useState } from 'react';
import type { DashboardScene } from './DashboardScene';
import { hovered } from './hovered';
import { actions, close } from './panelActions';

const SEQUENCE_MS = 1000;

export function useKeys(scene: DashboardScene) {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    let first = '';
    let at = 0;
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) {
        return;
      }
      const started = event.timeStamp - at < SEQUENCE_MS ? first : '';
      const help = () => setShown(true);
      // A key that begins nothing, as `e` of a viewer, does not swallow the next one.
      const does = (started && deedOf(scene, `${started} ${event.key}`, help)) || deedOf(scene, event.key, help);
      first = event.key;
      at = event.timeStamp;
      if (does) {
        event.preventDefault();
        first = '';
        does();
      }
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, [scene]);
  return { shown, hide: () => setShown(false) };
}

function deedOf(scene: DashboardScene, keys: string, help: () => void): (() => void) | undefined {
  const panel = hovered.get();
  const { timePicker } = scene.state;
  switch (keys) {
    case '?':
      return help;
    case 'Escape':
      return isDialogOpen() ? undefined : close;
    case 'v':
      return panel && actions(panel).view;
    case 'e':
      return panel && actions(panel).edit;
    case 'i':
      return panel && actions(panel).inspect;
    case 't z':
      return timePicker.onZoom;
    case 't ArrowLeft':
      return timePicker.onMoveBackward;
    case 't ArrowRight':
      return timePicker.onMoveForward;
    case 'd r':
      return () => sceneGraph.getTimeRange(scene).onRefresh();
    default:
      return undefined;
  }
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

const isDialogOpen = () => document.querySelector('[role="dialog"], [role="menu"]') !== null;
