// A text that is typed and applied later. Until then it counts as an edit of the dashboard, and Save applies it first;
// so does leaving the editor.
import { useEffect, useRef } from 'react';
import type { DashboardScene } from '../DashboardScene';

/** `apply` throws what is wrong with the text. */
export function useDraft(scene: DashboardScene, place: string, isChanged: boolean, apply: () => void) {
  const latest = useRef(apply);
  latest.current = apply;
  const changed = useRef(isChanged);
  changed.current = isChanged;
  useEffect(() => {
    scene.setDraft(place, isChanged ? () => latest.current() : undefined);
  }, [scene, place, isChanged]);
  useEffect(
    () => () => {
      if (changed.current) {
        try {
          latest.current();
        } catch {
          // What cannot be read is no edit.
        }
      }
      scene.setDraft(place, undefined);
    },
    [scene, place]
  );
}
