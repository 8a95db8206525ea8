// The entry. What Grafana's libraries read while they load is set first; they come with the page itself.
import { pathBelow } from './host/boot';

// A dashboard's own code comes beside the page's, not after it.
if (pathBelow().startsWith('/d/')) {
  void import('./dashboard/DashboardPage');
  void import('./panels');
}
void import('./shell/start').then(({ start }) => start());
