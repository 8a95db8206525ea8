// The page's name in the tab, before the project's.
import { useEffect } from 'react';
import { useSession } from '../../host/session';

export function usePageTitle(title: string) {
  const { session } = useSession();
  const project = session.project?.name || 'Millrace';
  useEffect(() => {
    // After the shell, whose effects come after those of what is in it.
    const timer = setTimeout(() => (document.title = `${title} · ${project}`));
    return () => clearTimeout(timer);
  }, [title, project]);
}
