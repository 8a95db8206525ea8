// React Router on the history that Grafana's location service keeps, so that a dashboard's variables and the routes
// share one URL. The history already knows the prefix of <base href>.
import { LocationServiceProvider, locationService } from '@grafana/runtime';
import { useLayoutEffect, useState, type ReactNode } from 'react';
import { Router, type Location, type Navigator } from 'react-router-dom';

const history = locationService.getHistory();

export function HistoryRouter({ children }: { children: ReactNode }) {
  const [location, setLocation] = useState(history.location);
  useLayoutEffect(() => history.listen((next: Location) => setLocation(next)), []);
  return (
    <Router location={location} navigator={history as unknown as Navigator}>
      <LocationServiceProvider service={locationService}>{children}</LocationServiceProvider>
    </Router>
  );
}
