// Asks before edits are left behind: when the tab is closed, and when another page of ours is opened.
import { locationService } from '@grafana/runtime';
import { useEffect } from 'react';
import type { DashboardScene } from './DashboardScene';

const QUESTION = 'This dashboard has changes that are not saved. Leave them?';

export function useLeaveGuard(scene: DashboardScene) {
  useEffect(() => {
    const { pathname } = locationService.getLocation();
    const warn = (event: BeforeUnloadEvent) => scene.isEdited() && event.preventDefault();
    const unblock = locationService.getHistory().block((to: { pathname: string }) => (to.pathname !== pathname && scene.isEdited() ? QUESTION : undefined));
    window.addEventListener('beforeunload', warn);
    return () => {
      window.removeEventListener('beforeunload', warn);
      unblock();
    };
  }, [scene]);
}
